"""An audit's table shows shares, and says what the slope means."""

import json

from loopsim.metrics.audit import audit_prompt
from loopsim.report.audit import Audit, Prompt, audit_as_json
from loopsim.report.terminal.audit import print_audit
from tests.helpers.audits import audit_of_two
from tests.helpers.terminal import printed


def test_each_prompt_has_its_shares_and_the_slope_its_meaning() -> None:
    text = printed(lambda console: print_audit(console, "a [red]model[/red]", audit_of_two()))
    assert "audit of a [red]model[/red]: 2 prompts, 3 pictures each" in text
    assert "a [bold]person[/bold]" in text
    assert "67% [21%, 94%]" in text  # two of three women
    assert "old 67%" in text  # of an attribute without a column of its own the majority
    assert "90%" in text
    assert "1.50 [1.10, 2.00]" in text
    assert "exaggerates" in text


def test_a_prompt_for_which_nobody_is_drawn_says_so() -> None:
    prompts = [Prompt("a photo of a nurse"), Prompt("a photo of a cat")]
    answers = [
        audit_prompt(prompt.text, seen, ("man", "woman"))
        for prompt, seen in zip(prompts, (["woman", "", "man"], ["", "", ""]), strict=True)
    ]
    audit = Audit(prompts, {"gender": answers}, None, None)
    lines = printed(lambda console: print_audit(console, "m", audit)).splitlines()
    assert "2 prompts, 3 pictures each" in lines[0]
    assert next(line for line in lines if "nurse" in line).split()[-3:] == ["50%", "[9%,", "91%]"]
    assert next(line for line in lines if "cat" in line).split()[-1] == "nobody"
    rows = json.loads(json.dumps(audit_as_json("m", audit)))["prompts"]
    assert [(row["n"], row["unlabelled"], row["majority_share"]) for row in rows] == [
        (2, 1, 0.5),
        (0, 3, None),
    ]
