"""`data check` counts, lists and freezes."""

import json
from pathlib import Path

from tests.helpers import corpora
from tests.helpers.command_line import in_runs, loopsim


def test_data_check_counts_lists_and_freezes(tmp_path: Path) -> None:
    root = corpora.bad_folder(tmp_path)
    config = tmp_path / "own.toml"
    config.write_text(
        '[data]\ncorpus = "files"\nimage_size = 32\nmax_bad_share = 1.0\n[data.train]\nformat = '
        f'"folder"\npath = "{root}"\n'
        'labels = {gender = "sex"}\n[classifier]\nkind = "zero_shot"\n[generator]\ncheckpoint = '
        '"x"\n[clip]\nmodel = "local-dir:x"\n'
    )
    where = in_runs(tmp_path / "runs")
    first = loopsim("data", "check", str(config), *where)
    assert first.returncode == 0, first.stderr
    assert "frozen now" in first.stdout
    assert "skipped" in first.stdout
    assert "\x1b[31m" not in first.stdout
    found = json.loads(loopsim("data", "check", str(config), "--json", *where).stdout)
    assert found["state"] == "as frozen"
    assert sum(split["num_images"] for split in found["splits"]) == 4
    assert found["splits"][0]["groups"]["gender"]
    assert found["splits"][0]["num_disagreements"] == 0
    assert [one["split"] for one in found["overlaps"]] == ["retrieval"]
    assert found["overlaps"][0]["num_exact"] == 0
    (root / "pictures/007.png").write_bytes(corpora.encoded(55, "PNG"))
    changed = loopsim("data", "check", str(config), *where)
    assert changed.returncode == 6
    assert "--replace" in changed.stderr
    assert loopsim("data", "check", str(config), "--replace", *where).returncode == 0
    assert "Traceback" not in changed.stderr
    strict = loopsim("data", "check", str(config), "--set", "data.max_bad_share=0.01", "--replace", *where)
    assert strict.returncode == 9
