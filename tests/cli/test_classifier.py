"""`loopsim classifier`: a card of a config's, and of a run's, classifier."""

import json
from pathlib import Path

import pytest

from tests.helpers.checkpoints import TinyModels
from tests.helpers.command_line import in_runs, loopsim_here


def test_the_shipped_ones_card_has_every_count() -> None:
    done = loopsim_here("classifier", "pocket")
    assert done.returncode == 0, done.stderr
    assert "gender: 2 groups, n = 4,000" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    card = json.loads(loopsim_here("classifier", "pocket", "--json").stdout)
    gender = card["attributes"]["gender"]
    assert sum(map(sum, gender["counts"])) == gender["n"] == 4000
    assert [row["group"] for row in gender["recall"]] == ["man", "woman"]
    assert len(card["attributes"]["profession"]["recall"]) == 20


def test_a_runs_card_is_of_its_own_classifier(clean: tuple[Path, str]) -> None:
    run = clean[0]
    done = loopsim_here("classifier", run.name, *in_runs(run.parent))
    assert done.returncode == 0, done.stderr
    assert f"classifier of {run.name}: zero_shot" in done.stdout
    refused = loopsim_here("classifier", run.name, "--set", "seed=1", *in_runs(run.parent))
    assert refused.returncode == 2
    assert "has its own config" in refused.stderr


@pytest.mark.slow
def test_another_ones_card_is_measured_on_the_labelled_set_or_says_that_it_is_not(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    """The tiny checkpoint never learnt anything: its card must say that no share can be corrected."""
    config = tmp_path / "own.toml"
    config.write_text(
        "[data]\nnum_train = 200\nnum_retrieval = 200\nnum_faces = 200\n[classifier]\nkind = 'checkpoint'\n"
        f"checkpoints = {{ gender = '{tiny_models['gender']}' }}\n"
    )
    done = loopsim_here("classifier", str(config))
    assert done.returncode == 0, done.stderr
    assert "the corpus's faces set" in done.stdout
    assert "n = 200" in done.stdout
    assert "corrected shares are not available: the classifier cannot tell these groups apart" in " ".join(
        done.stdout.split()
    )
    without = loopsim_here("classifier", str(config), "--set", "classifier.calibration=none")
    assert "never compared with labelled pictures" in " ".join(without.stdout.split())


def test_what_is_neither_a_run_nor_a_config_is_told() -> None:
    done = loopsim_here("classifier", "nothing-here")
    assert done.returncode == 2
    assert "nothing-here" in done.stderr
