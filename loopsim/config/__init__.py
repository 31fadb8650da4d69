"""The configuration: frozen sections, read from TOML, every key checked. The defaults are the pocket preset.

Functions take the section that they use. A run stores its resolved config and never reads the file again.
"""

from loopsim.config.base import Section
from loopsim.config.data import SPLITS, DataConfig, ResolvedDataConfig, Source, Split
from loopsim.config.interventions import InterventionConfig
from loopsim.config.load import (
    PRESETS,
    as_toml,
    config_from_tree,
    known_keys,
    load_config,
    override_config,
    parse_section,
    parse_value,
    read_toml,
    with_values,
)
from loopsim.config.loop import ComposeConfig, Config, EvaluateConfig, ResolvedEvaluateConfig
from loopsim.config.models import (
    SHIPPED,
    CaptionerConfig,
    ClassifierConfig,
    ClipConfig,
    DeviceConfig,
    EncoderConfig,
    FinetuneConfig,
    GenerateConfig,
    GeneratorConfig,
    TrainConfig,
)
from loopsim.config.resolved import ResolvedConfig
from loopsim.config.trackers import TrackersConfig
from loopsim.config.world import OpenMojiConfig, Profession, SkinType, Thing

__all__ = [
    "PRESETS", "SHIPPED", "SPLITS", "CaptionerConfig", "ClassifierConfig", "ClipConfig", "ComposeConfig",
    "Config", "DataConfig", "DeviceConfig", "EncoderConfig", "EvaluateConfig", "FinetuneConfig",
    "GenerateConfig", "GeneratorConfig", "InterventionConfig", "OpenMojiConfig", "Profession",
    "ResolvedConfig", "ResolvedDataConfig", "ResolvedEvaluateConfig", "Section", "SkinType", "Source",
    "Split", "Thing", "TrackersConfig", "TrainConfig", "as_toml", "config_from_tree", "known_keys",
    "load_config", "override_config", "parse_section", "parse_value", "read_toml", "with_values",
]  # fmt: skip
