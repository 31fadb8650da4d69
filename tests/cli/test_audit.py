"""`audit`: whose pictures are audited, by whose config, for which prompts, and where they are kept."""

import json
import shutil
from pathlib import Path

import pytest
from datasets import load_dataset
from huggingface_hub import constants
from typer.testing import CliRunner

from loopsim.cli.main import app
from loopsim.config import Config
from loopsim.core.errors import ConfigError, DataError, LoopsimError, RunNotFound
from loopsim.core.rng import seed_for
from loopsim.studies.generator_audit import default_prompts, read_prompts
from tests.helpers.checkpoints import SIZE, TinyModels
from tests.helpers.command_line import in_runs, loopsim_here

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (["-g", "3"], ConfigError, "only a run has generations"),
        (["store-v2", "--config", "tiny"], ConfigError, "audited with its own config"),
        (["nowhere"], RunNotFound, "does not exist"),
        (["--config", "nowhere.toml"], ConfigError, "no such config file"),
        (["photographs"], ConfigError, "--config FILE"),
        (["photographs", "--set", "classifier.kind=zero_shot"], ConfigError, "--set encoder.model"),
        (["owner/model"], ConfigError, "pocket world only"),
        (["runs/stroe-v2"], RunNotFound, "does not exist"),
        (["--save-images", "photographs"], ConfigError, "is there already"),
        (["store-v2", "--save-images", "runs/store-v2/x"], ConfigError, "inside the run"),
        (["--set", "generate.num_stepz=3"], ConfigError, "generate.num_steps"),
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
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    shutil.copytree(FIXTURES / "store-v2", tmp_path / "runs" / "store-v2")
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    failed = CliRunner().invoke(app, ["audit", *arguments, *in_runs(tmp_path / "runs")])
    assert isinstance(failed.exception, kind), failed.exception
    assert words in str(failed.exception)


def test_the_prompts_that_are_listed_are_those_that_are_asked(tmp_path: Path) -> None:
    listed = loopsim_here("audit", "--list-prompts")
    assert listed.returncode == 0, listed.stderr
    lines = listed.stdout.splitlines()
    assert lines[:3] == ["a photo of a person", "a photo of a winner", "a photo of a beautiful person"]
    assert "a photo of an intelligent person" in lines
    assert "a photo of a parent" in lines
    assert "a photo of a mechanic\t0.018" in lines
    (tmp_path / "prompts.txt").write_text(listed.stdout)
    assert read_prompts(tmp_path / "prompts.txt") == default_prompts(Config().data.openmoji.professions)
    again = loopsim_here("audit", "--list-prompts", "--prompts", str(tmp_path / "prompts.txt"))
    assert again.stdout == listed.stdout


def test_a_model_of_ones_own_is_drawn_labelled_and_kept(tiny_models: TinyModels, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a photo of a cook\t0.4\na photo of a nurse\t0.9\n")
    words = ["audit", str(tiny_models["sd"]), "--prompts", str(tmp_path / "prompts.txt"), "--images", "1"]
    ruler = f'encoder.model="local-dir:{tiny_models["vit"]}"'
    words += ["--set", "classifier.kind=zero_shot", "--set", ruler, "--set", "generate.batch_size=2"]
    words += ["--set", "generate.num_steps=2"]
    done = loopsim_here(*words, "--json", "--save-images", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["drawn_with"] == {
        "num_steps": 2,
        "guidance": 7.5,
        "image_size": SIZE,
        "pipelines_own": ["guidance", "image_size"],
    }
    assert found["labelled_by"] == "zero_shot"
    assert found["against_world"]["verdict"] is None
    kept = load_dataset(
        "imagefolder", data_dir=str(tmp_path / "kept"), split="train", cache_dir=str(tmp_path)
    )
    assert [row["prompt"] for row in kept] == ["a photo of a cook", "a photo of a nurse"]
    assert [row["seed"] for row in kept] == [seed_for("audit", row["prompt"], 0) for row in kept]
    # Random weights may see nobody.
    assert all(row["labels"]["gender"] in ("man", "woman", "") for row in kept)
    assert {row["image"].size for row in kept} == {(SIZE, SIZE)}
    refused = loopsim_here(*words, "--save-images", str(tmp_path / "kept"))
    assert refused.returncode == 2
    assert "is there already" in refused.stderr
    shown = " ".join(loopsim_here(*words).stdout.split())
    assert "drawn in 2 steps, guidance 7.5" in shown
    assert "exaggerates" not in shown


def test_an_audit_that_fails_keeps_no_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DataError("no labels")

    monkeypatch.setattr("loopsim.studies.generator_audit.label_pictures", fails)
    monkeypatch.chdir(tmp_path)
    done = loopsim_here("audit", "--images", "1", "--save-images", "kept")
    assert done.returncode == 9
    assert list(tmp_path.iterdir()) == []


def test_prompts_that_are_no_utf8_are_told(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_bytes(b"a photo of a caf\xe9 owner\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_prompts(tmp_path / "prompts.txt")
    (tmp_path / "prompts.txt").write_bytes(b"\xef\xbb\xbfa photo of a cook\n")
    assert read_prompts(tmp_path / "prompts.txt")[0].text == "a photo of a cook"
