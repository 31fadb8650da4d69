"""Latent directions: which way in latent space leads from the pictures of one prompt to those of another
(Lopez Olmos et al. 2024, arXiv 2406.06352).

Labels come from prompts, not from a classifier: both sides are drawn from the same noises, a linear SVM
separates their latents at a step of the drawing, and its unit normal d is the direction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, final

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits
from torch import Tensor

from loopsim.core.errors import ConfigError
from loopsim.models.diffusion.sampler import Sampler
from loopsim.models.diffusion.trajectories import trajectories

TRAINING_SHARE, C = 0.6, 1.0
NUM_COLLECTED = 10  # steps of a drawing whose directions are looked at
RECOMMENDED = 0.2  # of the way: which step matters more than how far
_KEY = "loopsim.directions"


@final
class About(BaseModel):
    """What directions were fitted on. `away` and `toward` are the prompts of the two sides.

    `model` is the fingerprint of the base generator and `finetuned` the name of the weights that were trained
    from it (None: the base itself); directions that a loop fitted for itself have no `model`. `accuracies`
    are the held-out shares of right answers by step, of `num_held_out` latents.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    attribute: str | None
    away: str
    toward: str
    num_pictures: PositiveInt
    image_size: PositiveInt
    num_steps: PositiveInt
    guidance: float
    accuracies: Annotated[dict[int, float], Field(min_length=1)]
    num_held_out: int
    recommended: int
    model: str | None = None
    finetuned: str | None = None

    @model_validator(mode="after")
    def _recommends_one_of_them(self) -> "About":
        if self.recommended not in self.accuracies:
            raise ValueError("the recommended step is none of those that were fitted")
        return self

    def nearest(self, share: float) -> int:
        """Return the step with a direction that is nearest to a share of the way."""
        wanted = step_at(share, self.num_steps)
        return min(self.accuracies, key=lambda step: (abs(step - wanted), step))


@final
@dataclass(frozen=True)
class Directions:
    """Unit directions by step, float32 [c, h, w], and what they were fitted on."""

    about: About
    units: Mapping[int, Tensor]

    def save(self, path: Path) -> None:
        """Write a safetensors file: a tensor "step <k>" for each step, and the rest as its metadata."""
        tensors = {f"step {step}": unit.contiguous() for step, unit in self.units.items()}
        save_file(tensors, path, metadata={_KEY: self.about.model_dump_json()})

    def unit(self, step: int, shape: Sequence[int]) -> Tensor:
        """Return one step's direction. Raises ConfigError if there is none, or it is of another shape."""
        if step not in self.units:
            raise ConfigError(f"no direction of step {step}; there are those of {_listed(self.units)}")
        if tuple(self.units[step].shape) != tuple(shape):
            raise ConfigError(
                f"a direction of shape {tuple(self.units[step].shape)} cannot move latents of shape "
                f"{tuple(shape)}; fit one at that size of pictures"
            )
        return self.units[step]


def step_at(share: float, num_steps: int) -> int:
    """Return the number of the step that is a share of the way through a drawing of `num_steps`: 10 of 50 for
    0.2, counted from 0.
    """
    return min(round(share * num_steps), num_steps - 1)


def steps_collected(num_steps: int) -> list[int]:
    """Return the steps at 0, 10, …, 90 % of a drawing."""
    return sorted({step_at(number / NUM_COLLECTED, num_steps) for number in range(NUM_COLLECTED)})


def fit_directions(
    sampler: Sampler,
    sides: tuple[str, str],
    seeds: Sequence[int],
    order: np.ndarray,
    steps: Collection[int],
    *,
    batch_size: int,
    attribute: str | None = None,
    recommended: float = RECOMMENDED,
) -> Directions:
    """Return the directions that lead from the prompt `sides[0]` to `sides[1]`, for latents of `steps`.

    Both prompts are drawn from each of `seeds`; `order` is a permutation of them, whose first 60 % train.
    Raises ConfigError if the model draws the same for both, so that nothing leads from one to the other.
    """
    prompts = [side for side in sides for _ in seeds]
    found = trajectories(sampler, prompts, [*seeds, *seeds], steps, batch_size)
    units, accuracies = {}, {}
    for step, latents in found.items():
        away, toward = latents[: len(seeds)], latents[len(seeds) :]
        if torch.equal(away, toward):
            raise ConfigError(
                f"the model draws the same for {sides[0]!r} and {sides[1]!r} (step {step}): no direction "
                "leads from one to the other; use other prompts, or a generate.guidance above 1"
            )
        units[step], accuracies[step] = fit_direction(away, toward, order)
    about = About(
        attribute=attribute,
        away=sides[0],
        toward=sides[1],
        num_pictures=len(seeds),
        image_size=sampler.size,
        num_steps=sampler.num_steps,
        guidance=sampler.guidance,
        accuracies=accuracies,
        num_held_out=2 * (len(seeds) - num_training(len(seeds))),
        recommended=min(units, key=lambda step: (abs(step - step_at(recommended, sampler.num_steps)), step)),
    )
    return Directions(about, units)


def num_training(num: int) -> int:
    """Return how many of `num` pairs train; at least one is held out of two or more."""
    return min(max(1, round(TRAINING_SHARE * num)), num - 1)


def fit_direction(away: Tensor, toward: Tensor, order: np.ndarray) -> tuple[Tensor, float]:
    """Return the unit normal w/‖w‖ of the linear SVM (C = 1) between latents of two sides [n, c, h, w],
    float32 [c, h, w], pointing at `toward`, and the share of held-out latents that it puts on their side.

    Row i of both sides started from the same noise; pairs are held out together, so that no noise is on both
    sides of the split: `order` is a permutation of them, whose first 60 % train.
    """
    training, held_out = np.split(order, [num_training(len(order))])

    def examples(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        both = torch.cat([away[pairs], toward[pairs]]).flatten(1).double().numpy()
        return both, np.repeat([0, 1], len(pairs))

    with threadpool_limits(1, user_api="blas"):  # sums over threads would come out as many ways as there are
        svm = SVC(kernel="linear", C=C).fit(*examples(training))
        accuracy = float(svm.score(*examples(held_out)))
    normal = torch.from_numpy(svm.coef_[0] / np.linalg.norm(svm.coef_[0])).float()
    return normal.view(away.shape[1:]), accuracy


def read_about(path: Path) -> About:
    """Return what the directions of a file were fitted on; no tensor is read. Raises ConfigError for a file
    that is none of `loopsim directions`.
    """
    try:
        with safe_open(path, "pt") as file:
            return _about_in(path, file.metadata())
    except (SafetensorError, OSError) as error:
        raise ConfigError(
            f"{path}: not a file of directions ({error}); `loopsim directions` makes one"
        ) from error


def read_directions(path: Path, steps: Collection[int] | None = None) -> Directions:
    """Return the directions of a file: of `steps`, or of all.

    Raises ConfigError as `read_about` does, and for a file that lacks a step, or has a tensor that is no
    direction.
    """
    about = read_about(path)
    with safe_open(path, "pt") as file:
        names = {f"step {step}": step for step in about.accuracies}
        wanted = {name: step for name, step in names.items() if steps is None or step in steps}
        missing = sorted(set(wanted) - set(file.keys()))
        if missing:
            raise ConfigError(f"{path}: has no tensor {missing[0]!r}; make it anew with `loopsim directions`")
        tensors = {step: file.get_tensor(name) for name, step in wanted.items()}
    for step, tensor in tensors.items():
        length = float(tensor.float().norm()) if tensor.ndim == 3 else 0.0
        if not 0 < length < float("inf"):
            raise ConfigError(
                f"{path}: the tensor of step {step} is no direction [c, h, w]; make it anew with `loopsim "
                "directions`"
            )
        tensors[step] = tensor.float() / length
    return Directions(about, tensors)


def require_fitting(path: Path, about: About, model: str, finetuned: str | None, image_size: int) -> None:
    """Raise ConfigError unless a file's directions were fitted on a generator that is to be moved by them, or
    on its base, and for pictures of that size.
    """
    if about.model != model:
        raise ConfigError(
            f"{path}: these directions were fitted on another model than this one; fit them on it with "
            "`loopsim directions`"
        )
    if about.finetuned not in (None, finetuned):
        raise ConfigError(
            f"{path}: these directions were fitted on weights that a loop trained ({about.finetuned[:12]}…), "
            "not on this generator or its base; fit them on it with `loopsim directions`"
        )
    if about.image_size != image_size:
        raise ConfigError(
            f"{path}: these directions are for pictures of {about.image_size} pixels, not {image_size}; fit "
            "them at that size (data.image_size)"
        )


def _about_in(path: Path, metadata: Mapping[str, str] | None) -> About:
    try:
        return About.model_validate_json((metadata or {})[_KEY])
    except (KeyError, ValidationError) as error:
        raise ConfigError(
            f"{path}: it does not say what its directions were fitted on; `loopsim directions` makes a file "
            "that does"
        ) from error


def _listed(steps: Collection[int]) -> str:
    return ", ".join(map(str, sorted(steps))) or "none"
