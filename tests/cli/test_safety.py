"""Commands that keep a run sound say what they will do, and ask."""

from pathlib import Path

from loopsim.runs.verify import plan_repair
from tests.helpers.command_line import in_runs, loopsim_here
from tests.helpers.damage import copy_of, flip_row
from tests.helpers.loops import resume_run


def test_the_repair_command_says_what_it_will_redo_and_asks(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    flip_row(directory, "dataset/2/0", 30)
    where = [str(directory), *in_runs(tmp_path)]
    asked = loopsim_here("repair", *where, answer="n\n")
    assert "g2 compose" in asked.stdout
    assert "nothing was changed" in asked.stdout
    assert loopsim_here("repair", *where, "--yes").returncode == 0
    assert resume_run(directory) == clean[1]
    assert plan_repair(directory).problems == []
