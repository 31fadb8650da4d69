"""What a finished run's results are, as dataclasses."""

from tests.helpers.command_line import loaded_after


def test_a_report_needs_no_torch(finished_run) -> None:
    code = (
        "from pathlib import Path; from loopsim.report.summary import summarize; "
        f"summarize(Path({str(finished_run[0])!r}))"
    )
    assert loaded_after(code, "torch") == "[]"
