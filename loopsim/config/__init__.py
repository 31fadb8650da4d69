"""The configuration: frozen sections, read from TOML, every key checked. The defaults are the pocket preset.

Functions take the section that they use. A run stores its resolved config and never reads the file again.
"""

from loopsim.config.base import Section
from loopsim.config.data import (
    CocoSource,
    DataConfig,
    FairFaceSource,
    FolderSource,
    PhaseSource,
    SavedDatasetSource,
    Source,
    TableConfig,
    WebDatasetSource,
)
from loopsim.config.load import (
    PRESETS,
    config_from_tree,
    known_keys,
    load_config,
    override_config,
    parse_value,
)
from loopsim.config.loop import ComposeConfig, Config, EvaluateConfig, MetricName
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
from loopsim.config.world import OpenMojiConfig, Profession, SkinType, Thing

__all__ = [
    "PRESETS", "SHIPPED", "CaptionerConfig", "ClassifierConfig", "ClipConfig", "CocoSource", "ComposeConfig",
    "Config", "DataConfig", "DeviceConfig",
    "EncoderConfig", "EvaluateConfig", "FairFaceSource", "FinetuneConfig", "FolderSource", "GenerateConfig",
    "GeneratorConfig", "MetricName",
    "OpenMojiConfig", "PhaseSource", "Profession", "SavedDatasetSource", "Section", "SkinType", "Source",
    "TableConfig", "Thing", "TrainConfig",
    "WebDatasetSource", "config_from_tree", "known_keys", "load_config", "override_config", "parse_value",
]  # fmt: skip
