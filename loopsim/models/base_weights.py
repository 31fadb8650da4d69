"""The base models that a config names: whether it may, where they are, one hash of them all, and the seed of
those that start from random weights.
"""

import hashlib
import json
from pathlib import Path

import torch

from loopsim.config import SHIPPED, Config
from loopsim.core.errors import DataError
from loopsim.core.hashing import hash_folder
from loopsim.core.rng import Part, seed_for
from loopsim.models.captioners import CAPTIONERS
from loopsim.models.classifiers import CLASSIFIERS
from loopsim.models.diffusion.family import FAMILIES
from loopsim.models.hub import cached_commit

SHIPPED_WEIGHTS = Path(__file__).parents[1] / "assets"
SHIPPED_MODELS = ("captioner", "classifier", "clip", "generator")  # the folders there that hold models


def check_models(config: Config) -> None:
    """Raise ConfigError for a kind of captioner or classifier or a family of generators that is not known, or
    whose section lacks what it needs; nothing is opened.
    """
    CAPTIONERS.get(config.captioner.kind).check(config.captioner)
    CLASSIFIERS.get(config.classifier.kind).check(config.classifier)
    if config.generator.family != "auto":
        FAMILIES.require([config.generator.family])


def weights_folder(config: Config) -> Path:
    """Return the folder of the parts that a config calls "shipped". Raises DataError if it is not there."""
    folder = Path(config.base_weights) if config.base_weights else SHIPPED_WEIGHTS
    if SHIPPED in named_parts(config).values() and not (folder / "generator").is_dir():
        raise DataError(f"{folder}: no base weights there; make them with `loopsim pretrain --out {folder}`")
    return folder


def named_parts(config: Config) -> dict[str, str]:
    """Return every model that a config names: a folder, a file, a hub id, a library's name for it, or
    "shipped".
    """
    classifier = CLASSIFIERS.get(config.classifier.kind).named_models(config.classifier)
    named = {
        "generator": config.generator.checkpoint,
        "generator configs": config.generator.config,
        "clip": config.clip.model,
        "clip weights": config.clip.pretrained,
        "captioner": config.captioner.model,
        "encoder": config.encoder.model,
        "encoder weights": config.encoder.pretrained,
        "detector": config.classifier.detector,
    }
    return {name: part for name, part in named.items() if part is not None} | dict(classifier)


def fingerprint_of_parts(config: Config, weights: Path) -> str:
    """Return one hash of all base models: of the content of files and folders, of the names of what a hub
    holds with the commit at which the cache has it, and of a library's names.
    """
    found = {
        name: _shipped(weights) if part == SHIPPED else _content(Path(part.removeprefix("local-dir:")), part)
        for name, part in named_parts(config).items()
    }
    return hashlib.blake2b(json.dumps(found, sort_keys=True).encode(), digest_size=16).hexdigest()


def fingerprint_of_generator(config: Config, weights: Path) -> str:
    """Return the hash of the generator that a config starts from, or its name in a hub with the commit."""
    part = config.generator.checkpoint
    return _content(weights / "generator" if part == SHIPPED else Path(part), part)


def _shipped(weights: Path) -> str:
    """Return the hash of the shipped models; the page and the configs beside them decide nothing."""
    return " ".join(hash_folder(weights / name) for name in SHIPPED_MODELS)


def _content(path: Path, part: str) -> str:
    return hash_folder(path) if path.exists() else pinned_name(part)


def pinned_name(part: str) -> str:
    """Return the name of a model, with "@" and the commit if it is the hub's and the cache has it."""
    commit = cached_commit(part.removeprefix("hf-hub:"))
    return part if commit is None else f"{part}@{commit}"


def seed_weights(*name: Part) -> None:
    """Seed torch's global generator, which draws new weights."""
    torch.manual_seed(seed_for(*name, "weights"))
