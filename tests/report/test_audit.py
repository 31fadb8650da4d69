"""An audit's document names every prompt, attribute and group."""

import json

from loopsim.report.audit import audit_as_json
from tests.helpers.audits import audit_of_two


def test_the_document_has_shares_with_intervals_and_the_world() -> None:
    document = json.loads(json.dumps(audit_as_json("a model", audit_of_two())))
    nurse = document["prompts"][0]
    assert nurse["prompt"] == "a photo of a nurse"
    assert nurse["world_share_of_women"] == 0.9
    assert nurse["shares"]["woman"].keys() == {"value", "low", "high"}
    assert "world_share_of_women" not in document["prompts"][1]
    assert {row["attribute"] for row in document["prompts"]} == {"gender", "age"}
    assert document["against_world"] == {"slope": {"value": 1.5, "n": 6, "low": 1.1, "high": 2.0}}
