"""A study of remedies: all arms branch off one generation 0, are run once, and are compared seed by seed."""

import json
from pathlib import Path

import pytest

from loopsim.core.errors import ConfigError, RunMismatch
from loopsim.core.interrupt import Interrupt
from loopsim.report.remedies import OUTCOMES, report_study
from loopsim.report.summary import summarize
from loopsim.runs.catalog import run_state
from loopsim.store.rows import AttemptRow
from loopsim.studies.interventions import (
    NOTHING,
    read_study,
    run_arm,
    run_name,
    run_root,
    run_study,
    runs_of,
)  # fmt: skip
from tests.helpers.command_line import in_runs, loopsim, loopsim_here
from tests.helpers.loops import SMALL
from tests.helpers.rows import finished_phases, state_of

MEASURED = 'evaluate.metrics=["representation", "recall", "stated_fidelity"]'
ARMS = """
[arms.guided]
interventions = [{ kind = "guidance_schedule", values = [3.0] }]
[arms.healed]
set = ["compose.alpha=[0.5, 0.25]"]
control = "guided"
"""


def written(path: Path, arms: str = ARMS, seeds: str = "[0, 1]", base: str = "tiny") -> str:
    small = [*SMALL, "generations=2", "evaluate.num_replicates=1", MEASURED]
    path.write_text(f"base = {json.dumps(base)}\nset = {json.dumps(small)}\nseeds = {seeds}\n{arms}")
    return str(path)


@pytest.mark.slow
def test_a_study_goes_on_where_it_was_and_compares_with_the_loops_without(tmp_path: Path) -> None:
    file, folder = written(tmp_path / "study.toml"), tmp_path / "runs" / "mine"
    study = read_study(file)
    with Interrupt() as interrupt:
        run_root(study, folder, 0, interrupt)
        run_arm(study, folder, "healed", 0, interrupt)
    before = _attempts(folder / run_name("healed", 0))
    done = loopsim("study", "interventions", file, "--name", "mine", "--json", *in_runs(tmp_path / "runs"))
    assert done.returncode == 0, done.stderr
    assert _attempts(folder / run_name("healed", 0)) == before > 0

    runs = runs_of(study, folder)
    assert set(runs) == {NOTHING, "guided", "healed"}
    assert all(run_state(run).finished for mine in runs.values() for run in mine)
    # All arms of a seed share generation 0, and none is another's copy.
    for place in range(2):
        first = {repr(finished_phases(mine[place])[0, "commit"].seal) for mine in runs.values()}
        last = {repr(finished_phases(mine[place])[2, "commit"].seal) for mine in runs.values()}
        assert (len(first), len(last)) == (1, 3)
    found = report_study(runs, NOTHING, {"guided": None, "healed": "guided", NOTHING: None})
    assert json.loads(done.stdout)["rows"][0]["arm"] == NOTHING
    assert {row.outcome for row in found.rows} == {one.name for one in OUTCOMES}
    rows = {(row.arm, row.outcome): row for row in found.rows}
    recalls = [[_recall(run) for run in runs[arm]] for arm in (NOTHING, "healed", "guided")]
    paired = [other - one for one, other in zip(recalls[0], recalls[1], strict=True)]
    effect = rows["healed", "R@1"].effect
    assert effect is not None
    assert effect.delta == pytest.approx(sum(paired) / 2)
    assert rows["healed", "R@1"].against_control is not None
    assert rows[NOTHING, "R@1"].effect is None
    assert [cost.ratio for cost in found.costs if cost.arm == NOTHING] == [1.0]

    # The same name for another study is refused, and what is there stays.
    other = read_study(written(tmp_path / "other.toml", ARMS.replace("3.0", "4.0")))
    with Interrupt() as interrupt, pytest.raises(RunMismatch, match=r"arms\.guided; choose another --name"):
        run_study(other, folder, 1, interrupt)


def _attempts(run: Path) -> int:
    with state_of(run) as store:
        return store.count(AttemptRow)


def _recall(run: Path) -> float:
    rows = summarize(run).metrics
    return next(r.value for r in rows if (r.metric, r.group, r.generation) == ("recall@1", "overall", 2))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"arms": '[arms.x]\ninterventions = [{ kind = "qota" }]'}, "arms.x: interventions[0].kind = 'qota'"),
        ({"arms": '[arms.x]\ninterventions = [{ kind = "verifier", attributes = ["race"] }]'}, "arms.x: "),
        ({"arms": '[arms.x]\nset = ["compose.alfa=1"]'}, "did you mean"),
        ({"arms": '[arms.none]\nset = ["seed=1"]'}, "an arm cannot be called 'none'"),
        ({"arms": '[arms.x]\ncontrol = "y"'}, "arms.x.control = 'y' is no other arm"),
        ({"arms": ""}, "arms"),
        ({"seeds": "[1]"}, "seeds"),
        ({"seeds": "[1, 1]"}, "a seed is there twice"),
        ({"base": "tyni"}, "no such config file"),
    ],
)
def test_what_is_no_study_is_told_before_anything_runs(
    changed: dict[str, str], said: str, tmp_path: Path
) -> None:
    file = written(tmp_path / "study.toml", **changed)
    with pytest.raises(ConfigError) as caught:
        read_study(file)
    assert said in str(caught.value)


def test_a_plot_that_cannot_be_is_told_first(tmp_path: Path) -> None:
    file = written(tmp_path / "study.toml")
    for plot, said in (("x.gif", "ends in .pdf, .png, .svg"), ("no/x.png", "there is no folder no")):
        done = loopsim_here("study", "interventions", file, "--plot", plot, *in_runs(tmp_path))
        assert done.returncode == 2
        assert said in done.stderr
