"""`loopsim directions` and `audit --direction`, on the shipped model with few steps."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.command_line import loopsim_here

FEW = "seed = 0\n[data]\nnum_train = 200\nnum_retrieval = 200\nnum_faces = 200\n[generate]\nnum_steps = 3\n"


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "few.toml"
    path.write_text(FEW)
    return str(path)


@pytest.mark.slow
def test_directions_are_fitted_shown_and_used_by_an_audit(config: str, tmp_path: Path) -> None:
    file, strip = tmp_path / "d.safetensors", tmp_path / "strip.png"
    fit = [
        "directions",
        "--config",
        config,
        "-n",
        "4",
        "-o",
        str(file),
        "--strip",
        str(strip),
        "--seeds",
        "2",
    ]
    done = loopsim_here(*fit, "--omegas", "-2,0,2", "--seeds", "2", "--response", "3", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert file.is_file()
    with Image.open(strip) as sheet:
        assert sheet.width > 3 * 64
    assert {row["omega"] for row in found["responses"]} == {-2.0, 0.0, 2.0}
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a photo of a person\n")
    audit = ["audit", "--config", config, "--images", "2", "--prompts", str(prompts)]
    moved = loopsim_here(*audit, "--direction", str(file), "--omega", "2")
    assert moved.returncode == 0, moved.stderr
    assert "moved by +2 sd" in moved.stdout
    random = loopsim_here(*audit, "--direction", "random", "--omega", "2", "--unit", "norm")
    assert random.returncode == 0, random.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["directions", "--away", "a man"], "--away and --toward belong together"),
        (["directions", "--attribute", "mood"], "known without: gender, skin_tone"),
        (["directions", "--omegas", "1,x"], "write finite numbers"),
        (["directions", "-o", "nowhere/d.safetensors"], "there is no folder nowhere"),
        (["audit", "--direction", "random"], "--direction and --omega belong together"),
        (["audit", "--direction", "gone.safetensors", "--omega", "1"], "gone.safetensors"),
    ],
)
def test_what_cannot_be_is_told(arguments: list[str], said: str) -> None:
    done = loopsim_here(*arguments)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
