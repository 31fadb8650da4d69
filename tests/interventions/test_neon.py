"""Neon against a slow merge of the matrices, layer by layer."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from loopsim.config import GeneratorConfig
from loopsim.interventions.neon import Neon
from loopsim.models.diffusion.loading import load_diffusion
from loopsim.models.diffusion.sampler import Sampler
from loopsim.models.diffusion.stable_diffusion import Diffusion
from tests.helpers.adapters import random_adapter
from tests.helpers.checkpoints import TinyModels, loaded_diffusion


def slow_merge(before: dict[str, torch.Tensor], file: Path, part: str, w: float) -> dict[str, torch.Tensor]:
    """θ - w B A for each pair of an adapter's file, entry by entry of the product."""
    state, merged = load_file(file), {name: tensor.clone() for name, tensor in before.items()}
    pairs = {name.rpartition(".lora")[0] for name in state}
    assert pairs
    for pair in pairs:
        down, up = (
            next(tensor for name, tensor in state.items() if name.startswith(f"{pair}.lora") and word in name)
            for word in (("lora_A" if any("lora_A" in n for n in state) else "down"),
                         ("lora_B" if any("lora_B" in n for n in state) else "up"))
        )  # fmt: skip
        weights = merged[f"{pair.removeprefix(part + '.')}.weight"]
        step = torch.zeros_like(weights)
        for out in range(up.shape[0]):
            for r in range(up.shape[1]):
                step[out] += up[out, r].reshape(()) * down[r]
        weights -= w * step
    return merged


def models(kind: str, tiny_models: TinyModels, weights: Path) -> list[Diffusion]:
    if kind == "pocket":
        return [load_diffusion(GeneratorConfig(), weights / "generator") for _ in range(2)]
    return [loaded_diffusion(tiny_models[kind]) for _ in range(2)]


@pytest.mark.parametrize("kind", ["pocket", "sd", "sdxl", "sd3"])
def test_the_step_that_training_takes_is_taken_backwards(
    kind: str, tiny_models: TinyModels, weights: Path, tmp_path: Path
) -> None:
    trained, model = models(kind, tiny_models, weights)
    before = {name: tensor.clone() for name, tensor in model.denoiser.state_dict().items()}
    folder = random_adapter(trained, tmp_path / "own")
    Neon(w=0.7).with_prepared(folder).adapt(Sampler(model, 2, 2.0, 32), None)
    after = model.denoiser.state_dict()
    (file,) = folder.glob("*.safetensors")
    wanted = slow_merge(before, file, model.family.denoiser, 0.7)
    assert after.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(after[name], tensor, rtol=1e-4, atol=1e-5)
    assert any(not torch.equal(after[name], before[name]) for name in before)


def test_strength_zero_learns_nothing() -> None:
    assert not Neon(w=0.0).prepares()
    assert Neon(w=0.1).prepares()
