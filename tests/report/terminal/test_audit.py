"""An audit's table shows shares, says what the slope means, and how pictures were drawn."""

import json
from dataclasses import replace

from loopsim.metrics.audit import audit_prompt
from loopsim.metrics.estimate import Estimate, not_available
from loopsim.report.audit import Alike, Prompt, audit_as_json
from loopsim.report.terminal.audit import print_audit
from tests.helpers.audits import audit_of_many, audit_of_two
from tests.helpers.terminal import printed


def test_each_prompt_has_its_shares_and_the_slope_its_meaning() -> None:
    text = printed(lambda console: print_audit(console, "a [red]model[/red]", audit_of_two()))
    assert "audit of a [red]model[/red]: 2 prompts, 3 pictures each" in text
    assert "a [bold]person[/bold]" in text
    assert "67% [21%, 94%]" in text  # two of three women
    assert "old 67%" in text  # of an attribute without a column of its own the majority
    assert "90%" in text
    assert "1.50 [1.10, 2.00]" in text
    words = " ".join(text.split())
    assert "drawn in 50 steps, guidance 3, 512 pixels; classifier: zero_shot" in words
    assert "the pipeline's own values, for nothing else was said: steps, size" in words


def test_why_nothing_is_known_of_a_group_can_be_read() -> None:
    reason = "no two pictures of one prompt are among them"
    alike = [Alike("gender & skin_tone=woman & darker", Estimate(0.5, 4, 0.1, 0.9), not_available(4, reason))]
    audit = replace(audit_of_many(3, 1), alike=alike, encoder="e")
    text = " ".join(printed(lambda console: print_audit(console, "m", audit)).split())
    assert "3 prompts, 1 picture each" in text
    assert "woman & darker" in text
    assert reason in text


def test_a_verdict_is_given_or_why_there_is_none() -> None:
    def told(num_prompts: int, num_pictures: int) -> str:
        audit = audit_of_many(num_prompts, num_pictures)
        return " ".join(printed(lambda console: print_audit(console, "m", audit)).split())

    assert "→ The model exaggerates the world's stereotype." in told(10, 50)
    few = told(10, 1)
    assert "exaggerates" not in few
    assert "→ No verdict: 1 picture a prompt is too few" in few


def test_a_prompt_for_which_nobody_is_drawn_says_so() -> None:
    prompts = [Prompt("a photo of a nurse"), Prompt("a photo of a cat")]
    answers = [
        audit_prompt(prompt.text, seen, ("man", "woman"))
        for prompt, seen in zip(prompts, (["woman", "", "man"], ["", "", ""]), strict=True)
    ]
    known = audit_of_two()
    audit = replace(known, prompts=prompts, answers={"gender": answers})
    lines = printed(lambda console: print_audit(console, "m", audit)).splitlines()
    assert "2 prompts, 3 pictures each" in lines[0]
    assert next(line for line in lines if "nurse" in line).split()[-3:] == ["50%", "[9%,", "91%]"]
    assert next(line for line in lines if "cat" in line).split()[-1] == "nobody"
    rows = json.loads(json.dumps(audit_as_json("m", audit)))["prompts"]
    assert [(row["n"], row["unlabelled"], row["majority_share"]) for row in rows] == [
        (2, 1, 0.5),
        (0, 3, None),
    ]
