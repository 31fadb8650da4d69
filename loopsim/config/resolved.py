"""The config of a run: what a file may leave open is decided, once, when the run is made.

Below `runs/resolve.py` everything takes this type, so no function asks what "auto" or "all" means.
"""

from typing import final

from pydantic import PositiveInt

from loopsim.config.data import ResolvedDataConfig
from loopsim.config.loop import Config, ResolvedEvaluateConfig
from loopsim.config.models import FinetuneConfig, GenerateConfig


@final
class ResolvedGenerateConfig(GenerateConfig):
    """How S_{g+1} is drawn, `batch_size` pictures at a time."""

    batch_size: PositiveInt


@final
class ResolvedFinetuneConfig(FinetuneConfig):
    """How the generator is trained, `micro_batch` pictures at a time."""

    micro_batch: PositiveInt


@final
class ResolvedConfig(Config):
    """One loop, with nothing left open."""

    data: ResolvedDataConfig
    evaluate: ResolvedEvaluateConfig
    finetune: ResolvedFinetuneConfig
    generate: ResolvedGenerateConfig
