"""Latent directions: the margin's normal, found again where it was planted; files that fit their model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.optimize import minimize

from loopsim.core.errors import ConfigError
from loopsim.models.diffusion import directions
from loopsim.models.diffusion.directions import fit_direction, fit_directions, read_directions
from loopsim.models.diffusion.sampler import Sampler
from loopsim.models.diffusion.trajectories import trajectories
from tests.helpers.checkpoints import TinyModels, loaded_diffusion

SIDES = ("a photo of a man", "a photo of a woman")


def test_the_direction_is_the_normal_of_the_largest_soft_margin() -> None:
    rng = np.random.default_rng(0)
    away = torch.from_numpy(rng.normal(size=(10, 1, 2, 2))).float()
    toward = away + torch.tensor([1.0, 0.5, 0.0, 0.0]).view(1, 1, 2, 2)
    order = np.arange(10)
    found, _ = fit_direction(away, toward, order)

    # The primal problem of the SVM, by a solver for anything: w, b and a slack for each of 12 examples.
    x = torch.cat([away[:6], toward[:6]]).flatten(1).double().numpy()
    y = np.repeat([-1, 1], 6)
    solved = minimize(
        lambda v: 0.5 * v[:4] @ v[:4] + v[5:].sum(),
        np.r_[np.zeros(5), np.ones(12)],
        bounds=[(None, None)] * 5 + [(0, None)] * 12,
        constraints={"type": "ineq", "fun": lambda v: y * (x @ v[:4] + v[4]) - 1 + v[5:]},
        method="SLSQP",
    )
    assert solved.success
    normal = solved.x[:4] / np.linalg.norm(solved.x[:4])
    assert found.flatten().numpy() == pytest.approx(normal, abs=2e-3)


def test_a_planted_direction_is_found_and_pairs_are_held_out_together() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((200, 2, 3, 3), generator=generator)
    planted = torch.randn((2, 3, 3), generator=generator)
    planted /= planted.norm()
    order = np.random.default_rng(0).permutation(200)
    found, accuracy = fit_direction(noise - 3 * planted, noise + 3 * planted, order)
    assert float(found.norm()) == pytest.approx(1, rel=1e-5)
    assert float((found * planted).sum()) > 0.7
    assert accuracy > 0.95
    # Nothing leads from one half of the same noise to the other: half of the answers are right.
    _, chance = fit_direction(noise[:100], noise[100:], order[order < 100])
    assert chance < 0.7


@pytest.fixture(scope="module")
def sampler(tiny_models: TinyModels) -> Sampler:
    return Sampler(loaded_diffusion(tiny_models["sd"]), 5, 3.0, 32)


def test_trajectories_end_in_the_picture_and_batches_do_not_matter(sampler: Sampler) -> None:
    prompts, seeds = [SIDES[0], SIDES[1], "a dog"], [3, 4, 5]
    found = trajectories(sampler, prompts, seeds, [0, 4, 9], batch_size=3)
    assert sorted(found) == [0, 4]  # there is no step 9
    drawn = sampler.model.decode_latents(found[4].to(sampler.model.denoiser.dtype))
    difference = drawn.numpy().astype(int) - sampler.draw(prompts, seeds)
    assert np.abs(difference).max() <= 1  # rounding
    alone = trajectories(sampler, prompts, seeds, [0], batch_size=2)
    assert torch.allclose(alone[0], found[0], atol=1e-5)


def test_a_file_keeps_directions_and_refuses_what_does_not_fit(sampler: Sampler, tmp_path: Path) -> None:
    found = fit_directions(
        sampler, SIDES, [1, 2, 3, 4], np.arange(4), [0, 1], batch_size=4, attribute="gender"
    )
    assert found.about.recommended == 1  # 20 % of 5 steps
    path = tmp_path / "d.safetensors"
    found.save(path)
    again = read_directions(path)
    assert again.about == found.about
    assert all(torch.allclose(again.units[step], unit) for step, unit in found.units.items())
    shape = tuple(found.units[0].shape)
    assert torch.allclose(again.unit(0, shape), found.units[0])
    with pytest.raises(ConfigError, match="no direction of step 3; there are those of 0, 1"):
        again.unit(3, shape)
    with pytest.raises(ConfigError, match="fit one at that size"):
        again.unit(0, (4, 9, 9))
    about = found.about.model_copy(update={"model": "a", "finetuned": "b" * 32})
    directions.require_fitting(path, about, "a", "b" * 32, 32)
    for model, finetuned, size, said in (
        ("x", "b" * 32, 32, "another model"),
        ("a", None, 32, "weights that a loop trained"),
        ("a", "b" * 32, 64, "pictures of 32 pixels, not 64"),
    ):
        with pytest.raises(ConfigError, match=said):
            directions.require_fitting(path, about, model, finetuned, size)


def test_what_is_no_file_of_directions_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(ConfigError, match="not a file of directions"):
        read_directions(path)
    path.write_bytes(b"not tensors")
    with pytest.raises(ConfigError, match="not a file of directions"):
        read_directions(path)
    save_file({"step 0": torch.ones(1, 2, 2)}, path)
    with pytest.raises(ConfigError, match="does not say what its directions were fitted on"):
        read_directions(path)


def test_sides_that_draw_the_same_have_no_direction(sampler: Sampler) -> None:
    with pytest.raises(ConfigError, match="draws the same"):
        fit_directions(sampler, ("a cook", "a cook"), [1, 2], np.arange(2), [1], batch_size=4)
