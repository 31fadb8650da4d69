"""Latent directions as an intervention: whom it moves, what it refuses, and what its result depends on."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from loopsim.core.errors import ConfigError
from loopsim.interventions.base import Draw
from loopsim.interventions.latent_direction import LatentDirection
from loopsim.models.diffusion.directions import About, Directions
from loopsim.runs.resolve import resolve
from tests.helpers.loops import small_config

SHAPE = (3, 4, 4)


def written(path: Path, fill: float = 1.0, model: str | None = None) -> str:
    unit = torch.zeros(SHAPE)
    unit[0, 0, 0] = fill / abs(fill)
    about = About(
        attribute="gender",
        away="a photo of a man",
        toward="a photo of a woman",
        num_pictures=4,
        image_size=16,
        num_steps=10,
        guidance=2.0,
        accuracies={0: 0.5, 2: 1.0},
        num_held_out=4,
        recommended=2,
        model=model,
    )
    Directions(about, {0: -unit, 2: unit}).save(path)
    return str(path)


def test_open_prompts_move_by_omega_and_stated_ones_stay(tmp_path: Path) -> None:
    file = written(tmp_path / "d.safetensors")
    draws = [Draw("", prompt, 1) for prompt in ("a photo of a cook", "a photo of a woman", "a man at work")]
    moved = LatentDirection(file=file, omega=3.0).noise(torch.zeros(3, *SHAPE), draws)
    assert moved[:, 0, 0, 0].tolist() == pytest.approx([3.0, 0.0, 0.0])
    assert float(moved.abs().sum()) == pytest.approx(3.0)
    everyone = LatentDirection(file=file, omega=-2.0, stated=True).noise(torch.zeros(3, *SHAPE), draws)
    assert everyone[:, 0, 0, 0].tolist() == pytest.approx([-2.0] * 3)
    # Another step's direction, and shares of both sides.
    first = LatentDirection(file=file, omega=1.0, step_share=0.0)
    assert float(first.noise(torch.zeros(1, *SHAPE), draws[:1])[0, 0, 0, 0]) == pytest.approx(-1)
    many = [Draw("", "a cook", seed) for seed in range(400)]
    half = LatentDirection(file=file, omega=1.0, positive=0.5).noise(torch.zeros(400, *SHAPE), many)
    assert abs(float((half[:, 0, 0, 0] > 0).float().mean()) - 0.5) < 0.07


def test_its_result_depends_on_the_files_content_and_not_on_its_name(tmp_path: Path) -> None:
    one = LatentDirection(file=written(tmp_path / "one"), omega=1.0)
    other = LatentDirection(file=written(tmp_path / "other"), omega=1.0)
    assert one.content() == other.content()
    written(tmp_path / "other", fill=-1.0)
    assert one.content() != other.content()
    assert not one.prepares()
    assert LatentDirection(omega=1.0).prepares()
    assert not LatentDirection(omega=0.0).prepares()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"omega": float("nan")}, "finite"),
        ({"omega": 1.0, "attribute": "race"}, r"prompts = \[away, toward\]"),
        ({"omega": 1.0, "prompts": ("a", "a ")}, "two different ones"),
        ({"omega": 1.0, "file": "x", "attribute": "gender"}, "leave attribute and prompts out"),
        ({"omega": 1.0, "words": {"woman": ("lady",)}}, "name it"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        LatentDirection(**settings)


def test_a_direction_of_another_model_or_size_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    entry = f'interventions=[{{kind="latent_direction", omega=1.0, file="{tmp_path}/d"}}]'
    with pytest.raises(ConfigError, match="no such file"):
        resolve(small_config(entry), tmp_path)
    written(tmp_path / "d", model="another")
    with pytest.raises(ConfigError, match=r"interventions\[0\] \(latent_direction\).*another model"):
        resolve(small_config(entry), tmp_path)
