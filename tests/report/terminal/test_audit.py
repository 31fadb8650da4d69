"""An audit's table shows shares, and says what the slope means."""

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
