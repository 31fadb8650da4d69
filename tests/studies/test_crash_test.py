"""`loopsim torture` kills and finds no difference."""

from pathlib import Path

import pytest

from loopsim.core.errors import RunExists
from loopsim.studies.crash_test import MARK, crash_test
from tests.helpers.command_line import in_runs, loopsim
from tests.helpers.loops import small_arguments, small_config


@pytest.mark.slow
def test_torture_kills_and_finds_no_difference(tmp_path: Path) -> None:
    name, *settings_ = small_arguments("generations=1")
    done = loopsim("torture", name, "--kills", "2", *settings_, *in_runs(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "2 kills, 0 different digests" in done.stdout
    assert (tmp_path / "torture" / MARK).is_file()  # and so the next test may empty it


@pytest.mark.parametrize("kind", ["run", "file", "link"])
def test_torture_empties_nothing_that_it_did_not_make(tmp_path: Path, kind: str) -> None:
    mine = tmp_path / "mine"
    if kind == "file":
        mine.write_text("precious")
    else:
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / ("state.lmdb" if kind == "run" else MARK)).write_text("precious")
        mine.symlink_to(tmp_path / "real") if kind == "link" else (tmp_path / "real").rename(mine)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(RunExists, match="choose another --name"):
        crash_test(mine, small_config(), 1, 0)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
