"""What holds of a finished run, whichever schema it was written with: the contract of every store version.

`fixtures/run-v2` and `run-v3` were written by schemas 2 and 3 (a loop of one generation on tiny models, with
its artifacts).
"""

import shutil
from pathlib import Path

import pytest

import loopsim
from loopsim.core.errors import RunMismatch
from loopsim.report.summary import summarize
from loopsim.runs.catalog import run_state
from loopsim.runs.verify import plan_repair, verify_run
from loopsim.store.rows import ROWS, AttemptRow, DatasetRow, SampleRow
from tests.helpers.loops import resume_run
from tests.helpers.rows import state_of

FIXTURES = Path(__file__).parents[1] / "fixtures"
# As the loopsim of that schema printed them.
DIGESTS = {"run-v2": "3301d1a1c365a6f70b791f7021e8539e", "run-v3": "8599bb97d0a77ecd116488c013ab8c79"}


@pytest.fixture(params=[*DIGESTS, "today"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    if request.param == "today":
        source, digest = request.getfixturevalue("clean")
    else:
        source, digest = FIXTURES / request.param, DIGESTS[request.param]
    shutil.copytree(source, tmp_path / request.param)
    return tmp_path / request.param, digest


def test_it_verifies_with_the_digest_that_it_was_written_with(run: tuple[Path, str]) -> None:
    directory, digest = run
    checked = verify_run(directory)
    assert checked.digest == digest
    assert checked.num_seals >= 2
    assert plan_repair(directory).problems == []


def test_it_reports_and_is_listed(run: tuple[Path, str]) -> None:
    directory, _ = run
    assert run_state(directory).finished
    summary = summarize(directory)
    assert summary.generations[:2] == [0, 1]
    assert any(row.metric == "recall@1" and row.value is not None for row in summary.metrics)
    assert summary.drift


def test_every_row_is_typed(run: tuple[Path, str]) -> None:
    directory, _ = run
    with state_of(directory) as store:
        kinds = {kind: list(store.scan(kind)) for kind in ROWS}
        assert sum(map(len, kinds.values())) == len(store.raw_keys())
        for sample in store.scan(SampleRow):
            assert sample.caption
            assert sample.prompt == sample.caption  # no intervention rewrote it
            assert sample.picture.startswith(b"\x89PNG")
        assert {row.is_real for row in store.scan(DatasetRow, 0)} == {True}
        assert {row.outcome for row in store.scan(AttemptRow)} == {"finished"}


def test_its_models_load_as_the_libraries_own(run: tuple[Path, str]) -> None:
    directory, _ = run
    with loopsim.open_run(directory) as opened:
        features = opened.clip(0).model.encode_text(opened.clip(0).tokenizer(["a photo of a person"]))
        assert features.shape[0] == 1
        assert len(opened.samples(1)) > 0
        assert opened.metrics().to_pandas().shape[0] == len(opened.metrics())


def test_a_run_of_an_older_schema_is_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(FIXTURES / "run-v2", tmp_path / "run-v2")
    with pytest.raises((RunMismatch, loopsim.LoopsimError)):
        resume_run(tmp_path / "run-v2", generations=2)
    assert verify_run(tmp_path / "run-v2").num_seals == 2
