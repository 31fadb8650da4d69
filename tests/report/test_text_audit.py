"""An audit of texts as JSON."""

import json

from tests.helpers.text_audits import hand_made_audit


def test_the_document_has_every_ratio_with_its_interval() -> None:
    document = json.loads(json.dumps(hand_made_audit().as_json(), allow_nan=False))
    assert (document["texts"], document["bad_rows"], document["left_out"]) == (1200, 3, 7)
    assert document["first_bad_rows"][1] == {"where": "row 9", "reason": "no text"}
    assert document["people"]["dominant"] == {
        "num_people": 700, "num_gendered": 650, "num_named": 600, "num_matched": 580,
    }  # fmt: skip
    assert document["omission"][0]["role"] == "dominant"
    assert {"group", "count", "n", "reference", "value", "low", "high"} <= document["omission"][0].keys()
    assert document["subordination"][2]["low"] is None
    assert document["median_racialised_subordination"]["black woman"]["curve"] == [
        {"t": 5, "value": 2.0, "names": 9},
        {"t": 50, "value": 4.0, "names": 5},
    ]
    assert document["marked_words"]["woman"]["unmarked"] == "man"
    assert len(document["marked_words"]["woman"]["words"]) == 12
