"""The models that take part in a phase: the config's base models, those that generations trained, and the
frozen ones that measure.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from loopsim.config import SHIPPED, CaptionerConfig, ClipConfig, Config
from loopsim.context.context import PhaseContext
from loopsim.context.phase import replica
from loopsim.context.training_set import open_corpus, read_records
from loopsim.core.device import Device, choose_device
from loopsim.core.errors import DataError
from loopsim.core.rng import seed_for
from loopsim.models.base_weights import named_parts
from loopsim.models.captioners.captioner import Captioner
from loopsim.models.captioners.clipcap import FILE as CLIPCAP_FILE
from loopsim.models.captioners.clipcap import ClipCap, load_clipcap, load_language_model
from loopsim.models.captioners.image_to_text import (
    build_transformer,
    load_image_to_text,
    load_saved,
    load_tokenizer,
)
from loopsim.models.classifiers.attribute_classifier import (
    AttributeClassifier,
    CheckpointClassifier,
    ZeroShotClassifier,
    confusion_matrices,
    load_checkpoints,
    load_classifier,
    zero_shot,
)
from loopsim.models.classifiers.people_detector import PeopleDetector, load_detector
from loopsim.models.clip import Clip, load_clip, open_clip_model
from loopsim.models.diffusion import stable_diffusion as diffusion
from loopsim.models.diffusion.stable_diffusion import Diffusion

CALIBRATION_PICTURES = 2000


def _clip_name(model: str, weights: Path) -> str:
    """Return open_clip's name of a configured CLIP: a folder becomes its "local-dir:…"."""
    if model == SHIPPED:
        return f"local-dir:{weights / 'clip'}"
    if Path(model).is_dir():
        return f"local-dir:{model}"
    if "/" in model and ":" not in model:
        raise DataError(f"{model}: no such folder; a model of the hub is named hf-hub:owner/name")
    return model


def base_clip(config: ClipConfig, weights: Path, device: Device, *, random: bool = False) -> Clip:
    """Return the CLIP that the config starts from, or its architecture with random weights (torch's global
    generator draws them).
    """
    clip = open_clip_model(
        _clip_name(config.model, weights),
        config.pretrained,
        random=random,
        device=device,
        augment=config.augment,
    )
    if config.gradient_checkpointing:
        clip.model.set_grad_checkpointing(True)
    if device.compile:
        clip.model.visual.compile()
    return clip


def trained_clip(context: PhaseContext, generation: int | None = None) -> Clip:
    """Return CLIP_g of this generation (or another), of the replicate that the phase belongs to."""
    mine = generation is None
    phase = replica("train_clip", context.replicate) if mine else "train_clip"
    return load_clip(
        context.artifact(context.generation if generation is None else generation, phase, "clip"),
        context.device,
    )


def base_captioner(config: CaptionerConfig, weights: Path, clip: Clip, *, random: bool = False) -> Captioner:
    """Return the captioner that the config starts from, on CLIP_g's device; `random` draws anew what is not a
    pretrained language model.
    """
    device = clip.device
    if config.kind == "hub":
        return load_image_to_text(config.model, config.max_tokens, device)
    if config.kind == "transformer":
        tokenizer = load_tokenizer(str(weights / "captioner") if config.model == SHIPPED else config.model)
        size = clip.config["preprocess_cfg"]["size"]
        return build_transformer(
            tokenizer,
            image_size=size,
            width=config.width,
            num_layers=config.num_layers,
            max_tokens=config.max_tokens,
            device=device,
        )
    if config.model == SHIPPED:
        base = load_clipcap(weights / "captioner", device)
        if not random and base.feature_size == clip.feature_size:
            return base
        language_model = (
            type(base.language_model)(base.language_model.config) if random else base.language_model
        )
        tokenizer, prefix_length = base.tokenizer, base.prefix_length
    else:
        language_model, tokenizer = load_language_model(config.model)
        prefix_length = config.prefix_length
    captioner = ClipCap(
        language_model,
        tokenizer,
        clip.feature_size,
        prefix_length=prefix_length,
        mapper=config.mapper,
        freeze_language_model=config.freeze_language_model,
        max_tokens=config.max_tokens,
        device=device,
    )
    device.place(captioner.eval())
    return captioner


def load_captioner(folder: Path, device: Device) -> Captioner:
    """Return a captioner that a generation trained."""
    return load_clipcap(folder, device) if (folder / CLIPCAP_FILE).is_file() else load_saved(folder, device)


def trained_captioner(context: PhaseContext, generation: int | None = None) -> Captioner:
    """Return captioner_g of this generation (or another), of the replicate that the phase belongs to."""
    phase = replica("train_captioner", context.replicate) if generation is None else "train_captioner"
    return load_captioner(
        context.artifact(context.generation if generation is None else generation, phase, "captioner"),
        context.device,
    )


def base_diffusion(context: PhaseContext) -> Diffusion:
    """Return the Stable Diffusion that the config starts from."""
    return diffusion.load_diffusion(context.config.generator, context.weights / "generator", context.device)


def require_parts(config: Config, weights: Path) -> None:
    """Open every base model that a config names once, so that one that is missing is told of before anything
    is trained; hub ids are fetched.

    Raises DataError or ConfigError as the loaders do.
    """
    device = choose_device(config.device)
    named = named_parts(config)
    clip = (
        base_clip(config.clip, weights, device, random=config.clip.start == "scratch")
        if named["clip"] != SHIPPED
        else None
    )
    if named["captioner"] != SHIPPED or config.captioner.kind != "clipcap":
        base_captioner(config.captioner, weights, clip or base_clip(config.clip, weights, device))
    del clip
    if named["encoder"] != SHIPPED and config.classifier.kind != "zero_shot":
        frozen_clip(config, weights, device)
    if config.classifier.kind == "checkpoint":
        load_checkpoints(config.classifier.checkpoints, config.classifier.renames, device)
    elif config.classifier.kind == "zero_shot":
        zero_shot(
            frozen_clip(config, weights, device), config.classifier.attributes, config.classifier.prompts
        )
    if config.classifier.detector is not None:
        load_detector(config.classifier.detector, device)
    if named["generator"] != SHIPPED and config.generate.generator == "diffusion":
        diffusion.load_diffusion(config.generator, weights / "generator", device)


def frozen_clip(config: Config, weights: Path, device: Device) -> Clip:
    """Return the CLIP of `[encoder]`, which no generation trains: a ruler must not bend."""
    return open_clip_model(
        _clip_name(config.encoder.model, weights), config.encoder.pretrained, device=device
    )


@lru_cache(maxsize=2)
def pinned_classifier(
    config: str, weights: Path, device: Device
) -> tuple[AttributeClassifier, PeopleDetector | None]:
    """Return the classifier of a run's config (as JSON) with its confusion matrices, and the detector that
    finds people for it, if any.

    The same in every generation of a run, so a process makes it once.
    """
    parsed = Config.model_validate_json(config)
    settings = parsed.classifier
    detector = load_detector(settings.detector, device) if settings.detector else None
    if settings.kind == SHIPPED:
        return load_classifier(weights / "classifier"), detector
    if settings.kind == "zero_shot":
        classifier: ZeroShotClassifier | CheckpointClassifier = zero_shot(
            frozen_clip(parsed, weights, device), settings.attributes, settings.prompts
        )
    else:
        classifier = load_checkpoints(settings.checkpoints, settings.renames, device)
    if settings.calibration != "none":
        corpus = open_corpus(parsed)
        records = corpus.records(
            settings.calibration, min(CALIBRATION_PICTURES, parsed.data.counts()[settings.calibration])
        )
        seen = label_pictures(classifier, detector, read_records(corpus, records))
        classifier = replace(
            classifier,
            confusion=confusion_matrices(classifier.values, [record.groups for record in records], seen),
        )
    return classifier, detector


def label_pictures(
    classifier: AttributeClassifier, detector: PeopleDetector | None, batches: Iterable[Tensor]
) -> list[dict[str, str]]:
    """Return the labels of pictures that come in batches uint8 [k, h, w, 3]: of the largest person in each,
    where a detector looks first.
    """
    labels: list[dict[str, str]] = []
    for batch in batches:
        labels += classifier.label(batch if detector is None else detector.crop(batch))
    return labels


def seed_weights(*name: int | str) -> None:
    """Seed torch's global generator, which draws new weights."""
    torch.manual_seed(seed_for(*name, "weights"))
