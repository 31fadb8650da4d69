"""Configs that come with loopsim, and what the shell knows."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from loopsim.cli.main import app
from loopsim.config import load_config
from loopsim.config.shipped import shipped_config, shipped_configs
from tests.helpers.command_line import in_runs, loaded_after, loopsim_here

CONFIGS = Path(__file__).parents[2] / "configs"


def test_every_config_is_the_packages_own_and_says_what_it_is_for() -> None:
    assert {path.stem for path in CONFIGS.glob("*.toml")} == set(shipped_configs())
    for name, purpose in shipped_configs().items():
        assert 20 < len(purpose) < 200
        assert purpose[-1] in ".?"
        assert (CONFIGS / f"{name}.toml").read_text("utf-8") == shipped_config(name)


def test_a_config_is_written_once_and_can_be_started(tmp_path: Path) -> None:
    listed = loopsim_here("init").stdout
    assert all(name in listed for name in shipped_configs())
    path = tmp_path / "mine.toml"
    done = loopsim_here("init", "pocket", "-o", str(path))
    assert done.returncode == 0, done.stderr
    assert load_config(str(path)) == load_config("pocket")
    path.write_text("generations = 1\n")
    again = loopsim_here("init", "pocket", "-o", str(path))
    assert again.returncode == 2
    assert "there is a file already" in again.stderr
    assert path.read_text() == "generations = 1\n"
    unknown = loopsim_here("init", "poket")
    assert "there are own_folder, paper_cc3m" in unknown.stderr


def test_a_name_that_is_only_shipped_leads_to_init() -> None:
    assert "write it first: loopsim init own_folder" in loopsim_here("start", "own_folder").stderr


def test_version_and_short_help() -> None:
    assert loopsim_here("--version").stdout.startswith("loopsim 0.")
    for words in (["-h"], ["report", "-h"], ["study", "interventions", "-h"]):
        shown = loopsim_here(*words)
        assert shown.returncode == 0, shown.stderr
        assert "Usage" in shown.stdout


def completed(words: str, folder: Path) -> list[str]:
    """What bash is offered for the last word."""
    asked = {
        "_LOOPSIM_COMPLETE": "complete_bash",
        "COMP_WORDS": f"loopsim {words}",
        "COMP_CWORD": str(len(words.split(" "))),
    }
    command = [sys.executable, "-m", "loopsim"]
    done = subprocess.run(command, env=os.environ | asked, cwd=folder, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_the_shell_completes_runs_metrics_and_configs(finished_run, tmp_path: Path) -> None:
    (tmp_path / "runs").symlink_to(finished_run[0].parent)
    (tmp_path / "mine.toml").write_text("")
    assert completed("report cl", tmp_path) == [finished_run[0].name]
    assert completed("report --metric recall@", tmp_path) == ["recall@1", "recall@5", "recall@10"]
    assert completed("start mi", tmp_path) == ["mine.toml"]
    assert "own_folder" in completed("init o", tmp_path)
    assert completed("report zz", tmp_path) == []
    assert completed("report x", tmp_path / "runs" / "clean") == []  # no runs here, and no word about it


def test_completion_takes_no_model_library() -> None:
    assert loaded_after("import loopsim.cli.main", "torch", "diffusers", "transformers") == "[]"


def test_runs_as_json(finished_run) -> None:
    shown = loopsim_here("runs", "--json", *in_runs(finished_run[0].parent))
    assert shown.returncode == 0, shown.stderr
    run = next(one for one in json.loads(shown.stdout) if one["name"] == finished_run[0].name)
    assert run["finished"]
    assert (run["generations"], run["planned"], run["next"]) == (2, 2, None)


def commands() -> dict[str, Any]:
    """Every command by the words that call it."""
    found: dict[str, Any] = {}
    for name, one in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(one, "commands", None)
        found |= {name: one} if inner is None else {f"{name} {word}": two for word, two in inner.items()}
    return found


@pytest.mark.parametrize("name", commands())
def test_help_has_an_example_that_the_command_understands(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("stories.jsonl", "own_folder.toml", "study_interventions.toml"):
        (tmp_path / file).touch()
    text = " ".join(loopsim_here(*name.split(), "--help").stdout.split())
    example = re.search(r"Example: loopsim (.*?) [╭│]", text)
    assert example is not None
    called = example[1]
    assert called.startswith(name)
    words = shlex.split(called.removeprefix(name))
    commands()[name].make_context(name, words)  # every option is known, and every value of its kind
