"""An audit of texts in 80 columns."""

from dataclasses import replace

import pytest

from loopsim.report.terminal.text_audit import print_text_audit
from tests.helpers.terminal import printed
from tests.helpers.text_audits import hand_made_audit


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_every_ratio_is_printed_with_its_interval_and_nothing_steers_the_terminal(encoding: str) -> None:
    audit = hand_made_audit("a [red]file[/red]\x1b[31m.jsonl")
    text = printed(lambda console: print_text_audit(console, audit, num_words=3), encoding)
    assert "a [red]file[/red]" in text
    assert "1,200 texts" in text
    assert "skipped row 9: no text" in text
    assert "and 1 more" in text
    assert "7 rows left out by --only" in text
    assert "0.30 [0.25,0.36]" in text
    assert "4.33 [3.60,5.20]" in text
    assert "150.2 of 450" in text
    assert "1.00 [-,-]" in text
    assert "12.5 [0.90,>999]" in text
    assert "black nonbinary" not in text  # of whom nobody was met
    assert "dominant: fewer than in the population: woman, black woman; more: nobody." in text
    assert "More often subordinated than dominant: woman; more often dominant: man." in text
    assert "woman against man: worda 4.0, wordb 3.9, wordc 3.8, and 9 more" in text
    assert "black against white: none" in text


def test_what_there_is_none_of_is_said() -> None:
    bare = replace(
        hand_made_audit(),
        races=(),
        omission=[],
        subordination=[],
        medians={},
        reason="nobody has the role dominant",
    )
    text = printed(lambda console: print_text_audit(console, bare))
    assert "not available: nobody has the role dominant" in text
    assert "Of nobody the gender or the race is known." in text
    assert "--genders-only" in text
    assert "in the table" not in text
