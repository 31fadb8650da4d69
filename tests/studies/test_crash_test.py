"""`loopsim torture` kills and finds no difference."""

from pathlib import Path

import pytest

from tests.helpers.command_line import in_runs, loopsim
from tests.helpers.loops import small_arguments


@pytest.mark.slow
def test_torture_kills_and_finds_no_difference(tmp_path: Path) -> None:
    name, *settings_ = small_arguments("generations=1")
    done = loopsim("torture", name, "--kills", "2", *settings_, *in_runs(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "2 kills, 0 different digests" in done.stdout
