"""`audit`: whose pictures are audited, by whose config."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loopsim.cli.main import app
from loopsim.core.errors import ConfigError, LoopsimError, RunNotFound
from tests.helpers.command_line import in_runs

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (["-g", "3"], ConfigError, "only a run has generations"),
        (["store-v2", "--config", "tiny"], ConfigError, "audited with its own config"),
        (["nowhere"], RunNotFound, "does not exist"),
        (["--config", "nowhere.toml"], ConfigError, "no such config file"),
        (["photographs"], ConfigError, "--config FILE"),
        (["--prompts", "nowhere.txt"], ConfigError, "no such file of prompts"),
    ],
)
def test_what_cannot_be_audited_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    kind: type[LoopsimError],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(FIXTURES / "store-v2", tmp_path / "runs" / "store-v2")
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    failed = CliRunner().invoke(app, ["audit", *arguments, *in_runs(tmp_path / "runs")])
    assert isinstance(failed.exception, kind), failed.exception
    assert words in str(failed.exception)
