"""Two runs side by side: what may be said of how they differ."""

import json
from pathlib import Path

from tests.helpers.command_line import in_runs, loopsim_here
from tests.helpers.loops import small_config, start_run


def test_two_runs_have_a_difference_with_an_interval_and_words(finished_run, tmp_path: Path) -> None:
    first = finished_run[0]
    second = tmp_path / "alpha"
    start_run(second, small_config("compose.alpha=1.0", "evaluate.num_replicates=1"))
    shown = loopsim_here("compare", str(first), str(second))
    assert shown.returncode == 0, shown.stderr
    assert "the second is" in shown.stdout
    assert "compose.alpha" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "…" not in shown.stdout
    document = json.loads(loopsim_here("compare", str(first), str(second), "--json").stdout)
    rows = {(row["metric"], row["group"]): row for row in document["rows"]}
    found = rows["recall@1", "overall"]
    one, other = (value["value"] for value in found["values"])
    assert abs(found["difference"]["delta"] - (other - one)) < 1e-9
    assert found["difference"]["low"] <= found["difference"]["delta"] <= found["difference"]["high"]
    assert found["difference"]["retraining"] is not None  # the first run's baseline was trained again
    # The other way round nobody knows what retraining does.
    back = loopsim_here("compare", str(second), str(first))
    assert "not known*" in back.stdout
    assert "trained once" in back.stdout


def test_three_runs_stand_side_by_side(finished_run) -> None:
    run, where = finished_run[0].name, in_runs(finished_run[0].parent)
    shown = loopsim_here("compare", run, run, run, *where)
    assert shown.returncode == 0, shown.stderr
    assert "no measured value differs" in shown.stdout
