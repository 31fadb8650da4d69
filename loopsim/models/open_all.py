"""Opening every base model of a config once, so that one that is missing is told of before anything is
trained.
"""

from functools import cache
from pathlib import Path

from loopsim.config import SHIPPED, CaptionerConfig, ClassifierConfig, ClipConfig, Config, EncoderConfig
from loopsim.core.device import Device
from loopsim.models.captioners import CAPTIONERS, base_captioner
from loopsim.models.classifiers import CLASSIFIERS, open_classifier
from loopsim.models.classifiers.people_detector import load_detector
from loopsim.models.clip import Clip, base_clip, frozen_clip
from loopsim.models.diffusion.loading import load_diffusion


def require_models(config: Config, weights: Path, device: Device) -> None:
    """Open every base model that a config names once, except shipped ones; ids of the hub are fetched.

    Raises DataError or ConfigError as the loaders do.
    """
    _require_trained(config.clip, config.captioner, weights, device)
    _require_pinned(config.encoder, config.classifier, weights, device)
    if config.generator.checkpoint != SHIPPED and config.generate.generator == "diffusion":
        load_diffusion(config.generator, weights / "generator", device)


def _require_trained(clip: ClipConfig, captioner: CaptionerConfig, weights: Path, device: Device) -> None:
    @cache
    def opened() -> Clip:
        return base_clip(clip, weights, device, random=clip.start == "scratch")

    if clip.model != SHIPPED:
        opened()
    if captioner.model != SHIPPED or not CAPTIONERS.get(captioner.kind).is_shipped:
        base_captioner(captioner, weights, opened())


def _require_pinned(
    encoder: EncoderConfig, classifier: ClassifierConfig, weights: Path, device: Device
) -> None:
    @cache
    def opened() -> Clip:
        return frozen_clip(encoder, weights, device)

    if encoder.model != SHIPPED:
        opened()
    if SHIPPED not in CLASSIFIERS.get(classifier.kind).named_models(classifier).values():
        open_classifier(classifier, weights, device, opened)
    if classifier.detector is not None:
        load_detector(classifier.detector, device)
