"""Latent offset: every picture's first noise is moved along one direction.

The control of latent directions (Lopez Olmos et al. 2024): a random unit direction of the same length, or a
direction that was fitted elsewhere.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from pydantic import field_validator

from loopsim.core.errors import ConfigError
from loopsim.core.hashing import hash_file
from loopsim.core.rng import torch_generator
from loopsim.data.stated_groups import KNOWN, knows, stated_value
from loopsim.interventions.base import Draw
from loopsim.interventions.latent_shift import LatentShift

if TYPE_CHECKING:
    from torch import Tensor


@final
class LatentOffset(LatentShift):
    """Moves pictures along the direction of a file, or a random one.

    `direction` is a safetensors file with one tensor "direction" of the latents' shape [c, h, w], scaled to
    length 1; without it d is a random unit direction of `direction_seed`. `only_open` names an attribute:
    pictures whose prompt states it stay where they are, as those of a latent direction do.
    """

    name: ClassVar = "latent_offset"

    direction: str | None = None
    direction_seed: int = 0
    only_open: str | None = None

    @field_validator("only_open")
    @classmethod
    def _prompts_can_state_it(cls, value: str | None) -> str | None:
        if value is not None and not knows(value):
            raise ValueError(
                f"how prompts state {value!r} is not known; known are {', '.join(('gender', *KNOWN))}"
            )
        return value

    def content(self) -> Any:
        # Settings that came later are left out where they say nothing: what was drawn before stays as it was.
        later = {name for name in ("rescale", "only_open") if not getattr(self, name)}
        settings = self.model_dump(mode="json", exclude={"direction"} | later)
        return settings | {"direction": None if self.direction is None else hash_file(self._file()).hex()}

    def moves(self, draw: Draw) -> bool:
        return self.only_open is None or stated_value(draw.prompt, self.only_open) is None

    def _file(self) -> Path:
        assert self.direction is not None, "asked for only where a file is named"
        path = Path(self.direction)
        if not path.is_file():
            raise ConfigError(f"interventions.direction = {self.direction!r}: no such file")
        return path

    def unit_direction(self, shape: Sequence[int]) -> "Tensor":
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        if self.direction is None:
            found = torch.randn(tuple(shape), generator=torch_generator("latent_offset", self.direction_seed))
            unit: Tensor = found / found.norm()
            return unit
        try:
            tensor = load_file(self._file()).get("direction")
        except (SafetensorError, OSError) as error:
            raise ConfigError(
                f"interventions.direction = {self.direction!r}: not a safetensors file ({error})"
            ) from error
        if tensor is None or tuple(tensor.shape) != tuple(shape) or not float(tensor.float().norm()) > 0:
            found_shape = None if tensor is None else tuple(tensor.shape)
            raise ConfigError(
                f"interventions.direction = {self.direction!r}: needs a tensor 'direction' of shape "
                f"{tuple(shape)}, not "
                f"all zero; it has {found_shape}"
            )
        scaled: Tensor = tensor.float() / tensor.float().norm()
        return scaled
