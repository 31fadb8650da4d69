"""What pictures do as noises are moved, where some of them show nobody."""

import json

from loopsim.metrics.audit import audit_prompt
from loopsim.models.diffusion.directions import About, Directions
from loopsim.report.directions import FoundDirections, Response, directions_as_json
from loopsim.report.terminal.directions import print_directions
from tests.helpers.terminal import printed

SEEN = {-1.0: ["man", "", "man"], 0.0: ["", "", ""], 1.0: ["woman", "woman", "man"]}


def test_a_step_in_which_nobody_is_seen_has_no_share_and_breaks_no_order() -> None:
    about = About(
        attribute="gender", away="a man", toward="a woman", num_pictures=3, image_size=64, num_steps=2,
        guidance=2.0, accuracies={1: 0.9}, num_held_out=10, recommended=1,
    )  # fmt: skip
    rows = [
        Response(omega, False, {"gender": audit_prompt("a cook", seen, ("man", "woman"))}, None)
        for omega, seen in SEEN.items()
    ]
    found = FoundDirections("a model", Directions(about, {}), "sd", "a cook", rows)
    assert found.is_monotone("gender", "woman")
    text = printed(lambda console: print_directions(console, found))
    assert ["direction", "+0", "nobody"] in [line.split() for line in text.splitlines()]
    told = json.loads(json.dumps(directions_as_json(found)))["responses"]
    assert [(row["n"], row["unlabelled"]) for row in told] == [
        (3, {"gender": 1}), (3, {"gender": 3}), (3, {"gender": 0}),
    ]  # fmt: skip
    assert told[1]["shares"] == {"gender": {}}
