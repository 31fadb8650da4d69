"""An audit's document names every prompt, attribute and group, and its verdict has ground to stand on."""

import json

import pytest

from loopsim.report.audit import MIN_PICTURES, MIN_PROMPTS, audit_as_json, verdict
from tests.helpers.audits import audit_of_many, audit_of_two


def test_the_document_has_shares_with_intervals_and_the_world() -> None:
    document = json.loads(json.dumps(audit_as_json("a model", audit_of_two())))
    nurse = document["prompts"][0]
    assert nurse["prompt"] == "a photo of a nurse"
    assert nurse["world_share_of_women"] == 0.9
    assert nurse["shares"]["woman"].keys() == {"value", "low", "high"}
    assert "world_share_of_women" not in document["prompts"][1]
    assert {row["attribute"] for row in document["prompts"]} == {"gender", "age"}
    assert document["against_world"]["slope"] == {"value": 1.5, "n": 6, "low": 1.1, "high": 2.0}
    assert document["against_world"]["verdict"] is None
    assert "1 prompt has a known share" in document["against_world"]["no_verdict_because"]
    assert document["drawn_with"] == {
        "num_steps": 50,
        "guidance": 3.0,
        "image_size": 512,
        "pipelines_own": ["num_steps", "image_size"],
    }
    assert document["labelled_by"] == "zero_shot"


@pytest.mark.parametrize(
    ("num_prompts", "num_pictures", "reason"),
    [
        (MIN_PROMPTS, MIN_PICTURES - 1, f"{MIN_PICTURES - 1} pictures a prompt are too few"),
        (20, 1, "1 picture a prompt is too few"),
        (MIN_PROMPTS - 1, 50, f"{MIN_PROMPTS - 1} prompts have a known share of women"),
        (0, 50, "no prompt has a known share of women"),
    ],
)
def test_from_few_pictures_or_prompts_nothing_is_claimed(
    num_prompts: int, num_pictures: int, reason: str
) -> None:
    word, why = verdict(audit_of_many(num_prompts, num_pictures))
    assert word is None
    assert reason in why


@pytest.mark.parametrize(
    ("low", "high", "word"), [(1.1, 2, "exaggerates"), (0.2, 0.9, "flattens"), (0.5, 1.5, "neither")]
)
def test_from_enough_the_interval_speaks(low: float, high: float, word: str) -> None:
    assert verdict(audit_of_many(MIN_PROMPTS, MIN_PICTURES, low, high)) == (word, "")
