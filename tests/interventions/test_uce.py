"""UCE: the closed form against a slow one, its rounds, and its artifact in plain diffusers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from loopsim.config import Config
from loopsim.core.errors import ConfigError
from loopsim.interventions.base import Draw
from loopsim.interventions.uce import Concepts, Uce
from loopsim.models.diffusion.concept_edit import (
    apply_map,
    hidden_states,
    save_edit,
    shared_start,
    text_layers,
    text_map,
)
from loopsim.models.diffusion.sampler import Sampler
from tests.helpers.checkpoints import TinyModels, loaded_diffusion

PIPELINES = {"sd": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}


def closed_form(
    w0: np.ndarray, c: np.ndarray, values: np.ndarray, kept: np.ndarray, weight: float
) -> np.ndarray:
    """W = (λ W₀ + Σ v* cᵀ + Σ W₀ k kᵀ) (λ I + Σ c cᵀ + Σ k kᵀ)⁻¹, term by term."""
    left, right = weight * w0, weight * np.eye(w0.shape[1])
    for state, value in zip(c, values, strict=True):
        left, right = left + np.outer(value, state), right + np.outer(state, state)
    for state in kept:
        left, right = left + np.outer(w0 @ state, state), right + np.outer(state, state)
    return left @ np.linalg.inv(right)


@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_every_text_layer_is_the_closed_form(kind: str, tiny_models: TinyModels) -> None:
    model = loaded_diffusion(tiny_models[kind])
    layers = {name: layer.weight.double().numpy() for name, layer in text_layers(model.denoiser).items()}
    others = {
        name: tensor.clone()
        for name, tensor in model.denoiser.state_dict().items()
        if name.removesuffix(".weight") not in layers
    }
    width = model.denoiser.config.cross_attention_dim
    assert layers
    assert {weights.shape[1] for weights in layers.values()} == {width}
    c, m, kept = torch.randn((3, 7, width), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    apply_map(model, text_map(c, m, kept, 0.5))
    for name, layer in text_layers(model.denoiser).items():
        w0 = layers[name]
        wanted = closed_form(w0, c.numpy(), (c + m).numpy() @ w0.T, kept.numpy(), 0.5)
        np.testing.assert_allclose(layer.weight.numpy(), wanted, rtol=1e-4, atol=1e-5)
    state = model.denoiser.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in others.items())


@given(st.integers(0, 99), st.floats(0.01, 10))
def test_no_move_is_no_change_and_what_is_kept_moves_less(seed: int, weight: float) -> None:
    c, m, kept = torch.randn((3, 4, 12), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert not text_map(c, 0 * m, kept, weight).any()
    free, held = text_map(c, m, kept[:0], weight), text_map(c, m, kept, weight)
    assert (kept @ held.T).norm() <= (kept @ free.T).norm() + 1e-9
    # The smaller λ is, the nearer W' c comes to v*.
    near = text_map(c, m, kept[:0], 1e-9)
    torch.testing.assert_close(c @ near.T, m, rtol=1e-4, atol=1e-4)


def test_shares_are_of_the_pictures_that_show_somebody() -> None:
    seen = ["woman", "", "man", "woman", "", "", "", ""]
    workshop = SimpleNamespace(
        seed=(0,), draw=lambda draws, adapt: draws, labels=lambda draws: [{"gender": one} for one in seen]
    )
    found = Uce(num_pictures=4)._observed(workshop, ["a cook", "a cat"], None)  # type: ignore[arg-type]
    assert found == [{"man": 1 / 3, "woman": 2 / 3}, {"man": 0.0, "woman": 0.0}]


def test_what_stands_before_a_phrase_is_kept_and_betas_that_cancel_leave_nothing(
    tiny_models: TinyModels,
) -> None:
    model = loaded_diffusion(tiny_models["sd"])
    prompts = ["a photo of a cook", "a photo of a woman cook"]
    assert shared_start(model, prompts) == 5  # after <start> a photo of a
    states = hidden_states(model, prompts)
    torch.testing.assert_close(states[0, :5], states[1, :5])
    assert shared_start(model, ["a cook", "a cook"]) == 4
    concepts = Concepts(model, ["a photo of a cook", "a photo of a nurse"], ["man", "woman"], preserve=True)
    none = concepts.change([{"man": 0.0, "woman": 0.0}] * 2, 0.5)
    assert not none.any()
    equal = concepts.change([{"man": 0.4, "woman": 0.4}] * 2, 0.5)
    assert float(equal.abs().max()) < 1e-5  # to the mean of the versions, which is where it starts
    change = concepts.change([{"man": -0.4, "woman": 0.4}] * 2, 0.5)
    before = states[0, 1:5].double() @ change.double().T
    assert before.norm() < 0.5 * (states[0, 5:9].double() @ change.double().T).norm()


@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_the_artifact_loads_in_plain_diffusers(kind: str, tiny_models: TinyModels, tmp_path: Path) -> None:
    model = loaded_diffusion(tiny_models[kind])
    concepts = Concepts(model, ["a photo of a cook"], ["man", "woman"], preserve=True)
    change = concepts.change([{"man": -1.0, "woman": 1.0}], 0.5)
    edited = loaded_diffusion(tiny_models[kind])
    apply_map(edited, change)
    save_edit(edited, change, tmp_path)
    # Here it is what the loop draws with,
    adapted = loaded_diffusion(tiny_models[kind])
    Uce().with_prepared(tmp_path).adapt(Sampler(adapted, 2, 2.0, 32), None)
    # and there it is its weights, under the names of the denoiser.
    plain = PIPELINES[kind].from_pretrained(tiny_models[kind], safety_checker=None) if kind == "sd" else (
        PIPELINES[kind].from_pretrained(tiny_models[kind])
    )  # fmt: skip
    outcome = plain.unet.load_state_dict(load_file(tmp_path / "edited.safetensors"), strict=False)
    assert outcome.unexpected_keys == []
    for name, tensor in adapted.denoiser.state_dict().items():
        torch.testing.assert_close(plain.unet.state_dict()[name], tensor, rtol=1e-6, atol=1e-6)


@dataclass
class Bench:
    """A workshop whose pictures show what `seen` says: round, prompt -> how many women of ten."""

    sampler_of: Callable[[], Sampler]
    seen: Sequence[Sequence[int]]
    adapted: list[bool] = field(default_factory=list)
    draws: list[list[Draw]] = field(default_factory=list)

    seed = (0, 0, "prepare", "uce[0]")
    professions = ("cook", "nurse")

    def sampler(self) -> Sampler:
        return self.sampler_of()

    def draw(self, draws: Sequence[Draw], adapt: Callable[[Sampler], None]) -> list[Draw]:
        sampler = self.sampler_of()
        before = {name: t.clone() for name, t in sampler.model.denoiser.state_dict().items()}
        adapt(sampler)
        state = sampler.model.denoiser.state_dict()
        self.adapted.append(any(not torch.equal(state[name], t) for name, t in before.items()))
        self.draws.append(list(draws))
        return list(draws)

    def labels(self, pictures: list[Draw]) -> list[dict[str, str]]:
        women = self.seen[len(self.draws) - 1]
        return [{"gender": "woman" if i % 10 < women[i // 10] else "man"} for i in range(len(pictures))]


@pytest.mark.parametrize(
    ("seen", "rounds", "kept", "gap"),
    [
        ([[5, 5]], 1, 0, 0.0),  # nothing to do
        ([[1, 9], [5, 5], [0, 0]], 2, 1, 0.0),
        ([[1, 5], [8, 5], [4, 5], [0, 5]], 4, 2, 0.05),  # never near enough: the best of the rounds
        ([[4, 6], [0, 0], [9, 9], [0, 9]], 4, 0, 0.1),  # worse and worse: nothing is changed
    ],
)
def test_it_goes_on_until_every_gap_is_small(
    seen: list[list[int]], rounds: int, kept: int, gap: float, tiny_models: TinyModels, tmp_path: Path
) -> None:
    def sampler() -> Sampler:
        return Sampler(loaded_diffusion(tiny_models["sd"]), 2, 2.0, 32)

    bench = Bench(sampler, seen)
    prepared = Uce(num_pictures=10, max_rounds=3).prepare(bench)  # type: ignore[arg-type]
    assert len(bench.draws) == rounds
    assert bench.adapted == [False] + [True] * (rounds - 1)
    assert all(draws == bench.draws[0] for draws in bench.draws)
    assert {draw.prompt for draw in bench.draws[0]} == {"a photo of a cook", "a photo of a nurse"}
    assert (prepared.facts["round"], prepared.facts["mean_gap"]) == (kept, pytest.approx(gap))
    assert prepared.facts["largest_gap_before"] == pytest.approx(max(abs(n / 10 - 0.5) for n in seen[0]))
    prepared.write(tmp_path)
    assert bool(load_file(tmp_path / "text_map.safetensors")["text_map"].any()) == (kept > 0)


def test_what_it_cannot_do_is_told() -> None:
    labels = {"gender": ("man", "woman")}
    config = Config.model_validate({"generator": {"family": "sd3"}})
    with pytest.raises(ConfigError, match="family = 'sd3': only sd and sdxl"):
        Uce().check(config, labels)
    with pytest.raises(ConfigError, match="'skin_tone': the classifier does not know it"):
        Uce(attribute="skin_tone").check(Config.model_validate({"generator": {"family": "sd"}}), labels)
    assert not Uce(step=0.0).prepares()
    assert not Uce(max_rounds=0).acts()
