"""The kinds of captioner: each is one value, with all that belongs to it, in a file of this folder."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from loopsim.config import CaptionerConfig
from loopsim.core.choices import Choices
from loopsim.core.device import Device
from loopsim.core.errors import DataError
from loopsim.models.captioners.captioner import Captioner
from loopsim.models.clip import Clip
from loopsim.models.forward_cost import TowerCost


class CaptionerKind(ABC):
    """One kind of captioner: what its section must say, how it is built, found again, and what it costs.

    `is_shipped`: loopsim brings base weights of this kind.
    """

    name: ClassVar[str]
    is_shipped: ClassVar[bool] = False

    def check(self, config: CaptionerConfig) -> None:  # noqa: B027 - a kind may have nothing to refuse
        """Raise ConfigError if the section lacks what the kind needs."""

    @abstractmethod
    def build(self, config: CaptionerConfig, weights: Path, clip: Clip, *, random: bool) -> Captioner:
        """Return the captioner that the section starts from, on CLIP_g's device; `random` draws anew what is
        not a pretrained language model.

        `weights` is the folder of the shipped models. Raises DataError if a part cannot be loaded.
        """

    @abstractmethod
    def recognises(self, folder: Path) -> bool:
        """Return whether a captioner of this kind was saved to the folder."""

    @abstractmethod
    def load(self, folder: Path, device: Device) -> Captioner:
        """Return the captioner that was saved to the folder."""

    @abstractmethod
    def cost(self, config: CaptionerConfig, shipped: Path) -> TowerCost:
        """Return the cost for one caption; `shipped` is the folder of the shipped captioner."""


CAPTIONERS: Choices[CaptionerKind] = Choices("captioner.kind", CaptionerKind, "loopsim.models.captioners")


def base_captioner(config: CaptionerConfig, weights: Path, clip: Clip, *, random: bool = False) -> Captioner:
    """Return the captioner that the config starts from, on CLIP_g's device; `random` draws anew what is not a
    pretrained language model.

    Raises DataError if a part cannot be loaded.
    """
    return CAPTIONERS.get(config.kind).build(config, weights, clip, random=random)


def load_captioner(folder: Path, device: Device) -> Captioner:
    """Return a captioner that a generation trained. Raises DataError if the folder has none."""
    for kind in CAPTIONERS.own.values():
        if kind.recognises(folder):
            return kind.load(folder, device)
    raise DataError(f"{folder}: no captioner in it that loopsim saved ({', '.join(CAPTIONERS.names)})")
