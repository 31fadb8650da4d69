"""The examples run as they stand."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import loopsim
from loopsim.core.errors import ConfigError, RunMismatch
from loopsim.data.corpora import CORPORA
from tests.examples.own_corpus import SQUARES
from tests.helpers.command_line import loopsim as command

ROOT = Path(__file__).parents[2]


def run_script(folder: Path) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, str(ROOT / "tests/examples/killed_and_resumed.py"), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    return subprocess.run(script, capture_output=True, text=True, timeout=900, env=environment)


@pytest.mark.slow
def test_a_script_with_its_own_metric_and_intervention_is_killed_resumes_and_plots(tmp_path: Path) -> None:
    killed = run_script(tmp_path)
    assert killed.returncode == -9, killed.stderr
    done = run_script(tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip("[]\n ").split(",")) == 3  # a value a generation
    assert (tmp_path / "brightness.png").stat().st_size > 5000
    run = loopsim.open_run(tmp_path / "mine")
    reasons = {s.curation.reason for s in run.samples(1) if s.curation is not None}
    assert reasons == {"chosen by short_captions", "not chosen by short_captions"}
    short = [len(s.row.caption.split()) <= 9 for s in run.samples(1) if s.kept]
    assert np.mean(short) >= np.mean([len(s.row.caption.split()) <= 9 for s in run.samples(1)])
    with pytest.raises(RunMismatch, match=r"needs .*brightness.*script own_metric\.py"):
        loopsim.resume(run, generations=3)
    without = command("resume", "mine", "--generations", "3", "--runs-dir", str(tmp_path))
    assert without.returncode == 6
    assert "own_intervention.py" in without.stderr or "own_metric.py" in without.stderr
    assert command("report", "mine", "--runs-dir", str(tmp_path)).returncode == 0  # reading needs no package


def test_a_corpus_of_ones_own_opens() -> None:
    loopsim.register(SQUARES)
    config = loopsim.Config.model_validate({"data": {"corpus": "squares", "options": {"num_shades": 6}}})
    kind = CORPORA.get("squares")
    data = kind.resolve(config.data, Path("runs"), lambda split, done: None)
    corpus = kind.open(data, seed=0)
    record = corpus.train_record(0)
    assert record.groups["gender"] in ("man", "woman")
    assert corpus.image(record).shape == (64, 64, 3)


def test_what_is_no_choice_cannot_be_registered() -> None:
    with pytest.raises(ConfigError, match="neither a Measure"):
        loopsim.register(3)
