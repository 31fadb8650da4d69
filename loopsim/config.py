"""The configuration: frozen sections, read from TOML, every key checked. The defaults are the pocket preset.

Functions take the section that they use. A run stores its resolved config and never reads the file again.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast, final, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, ValidationInfo, field_validator, model_validator

from loopsim.errors import ConfigError

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0)]


# What OpenMoji has pictures of, in the five Unicode skin types.
Profession = Literal[
    "mechanic", "firefighter", "construction worker", "pilot", "machinist", "astronaut", "programmer", "guard", "farmer", "police officer",
    "judge", "doctor", "cook", "singer", "scientist", "detective", "artist", "administrator", "teacher", "receptionist",
]  # fmt: skip
SkinType = Literal["light", "medium light", "medium", "medium dark", "dark"]
Thing = Literal["wrench", "hammer", "ball", "guitar", "bicycle", "dog", "cup", "book", "umbrella", "cat", "cake", "bouquet"]


# What `evaluate` can measure, each a function of phases/measures.
MetricName = Literal[
    "representation", "artefacts", "homogenisation", "clip_score", "distribution", "generator", "harms", "recall", "self_similarity",
    "person_preference", "skew", "association", "gender_error", "caption_quality", "meteor", "spice", "bias_amplification", "lic", "lic_transformer",
]  # fmt: skip
ON_DEMAND = ("meteor", "spice", "lic", "lic_transformer")  # need java, a hub model, or minutes


class Section(BaseModel):
    """Base of every section: immutable, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@final
class OpenMojiConfig(Section):
    """The joint distribution of the pocket world.

    `professions` maps each to P(woman | profession): US shares of BLS 2015/16 where METRICS.md lists them, WinoBias's table (BLS 2017) for farmer,
    guard, cook and construction worker, and round estimates for pilot, astronaut, judge, singer and artist. `skin_types` are weights: counts of
    COCO's instances (Zhao et al. 2021). `objects` lean to a gender: P(object | woman) is proportional to the number, P(object | man) to one minus it.
    The `mention_…` are the chances that a caption names the thing.
    """

    professions: dict[Profession, Share] = {
        "mechanic": 0.018,
        "firefighter": 0.035,
        "construction worker": 0.04,
        "pilot": 0.06,
        "machinist": 0.067,
        "astronaut": 0.15,
        "programmer": 0.184,
        "guard": 0.22,
        "farmer": 0.22,
        "police officer": 0.304,
        "judge": 0.35,
        "doctor": 0.379,
        "cook": 0.38,
        "singer": 0.4,
        "scientist": 0.419,
        "detective": 0.452,
        "artist": 0.5,
        "administrator": 0.549,
        "teacher": 0.71,
        "receptionist": 0.906,
    }
    skin_types: dict[SkinType, Weight] = {"light": 13293, "medium light": 2425, "medium": 1063, "medium dark": 528, "dark": 468}
    objects: dict[Thing, Share] = {
        "wrench": 0.2,
        "hammer": 0.2,
        "ball": 0.3,
        "guitar": 0.35,
        "bicycle": 0.4,
        "dog": 0.45,
        "cup": 0.5,
        "book": 0.55,
        "umbrella": 0.6,
        "cat": 0.65,
        "cake": 0.7,
        "bouquet": 0.8,
    }
    num_captions: PositiveInt = 5
    mention_profession: Share = 0.95
    mention_gender: Share = 0.7
    mention_skin: Share = 0.1
    mention_object: Share = 0.8
    mention_background: Share = 0.6

    @field_validator("professions", "skin_types", "objects")
    @classmethod
    def _canonical_order(cls, table: dict[str, float], field: ValidationInfo) -> dict[str, float]:
        # Draws go by position: the order in which a file, or a stored config, happens to list the names must not matter.
        names = get_args({"professions": Profession, "skin_types": SkinType, "objects": Thing}[str(field.field_name)])
        return {name: table[name] for name in names if name in table}

    @model_validator(mode="after")
    def _something_can_be_drawn(self) -> "OpenMojiConfig":
        if not self.professions:
            raise ValueError("professions needs at least one profession")
        if sum(self.skin_types.values()) <= 0:
            raise ValueError("skin_types needs at least one positive weight")
        for gender, weight in (("women", sum(self.objects.values())), ("men", sum(1 - lean for lean in self.objects.values()))):
            if weight <= 0:
                raise ValueError(f"objects leaves none for {gender}: not all may lean fully to the other gender")
        return self


@final
class DataConfig(Section):
    """Which real data: the corpus, and how many items train and evaluate."""

    corpus: Literal["openmoji"] = "openmoji"
    num_train: PositiveInt = 1500
    num_retrieval: PositiveInt = 400
    num_faces: PositiveInt = 400
    openmoji: OpenMojiConfig = OpenMojiConfig()


@final
class ComposeConfig(Section):
    """How D_g is put together from real data and S_1 … S_g.

    `alpha` (substitute, fresh_real) is the generated share: one number, or one a generation from g = 1 on (the last is repeated).
    `draw`: an exact share of the slots, or each slot with that probability.
    """

    policy: Literal["substitute", "replace", "accumulate", "accumulate_subsample", "fresh_real"] = "substitute"
    alpha: Share | tuple[Share, ...] = 0.5
    draw: Literal["exact", "probability"] = "exact"

    def alpha_at(self, generation: int) -> float:
        """Return α_g, for g >= 1."""
        if isinstance(self.alpha, tuple):
            return self.alpha[min(generation, len(self.alpha)) - 1]
        return self.alpha

    @model_validator(mode="after")
    def _alpha_is_not_empty(self) -> "ComposeConfig":
        if self.alpha == ():
            raise ValueError("alpha needs at least one value")
        return self


class TrainConfig(Section):
    """How long and fast a model trains, and from which weights: the shipped base, the previous generation's, or random ones."""

    start: Literal["base", "previous", "scratch"] = "base"
    num_steps: Count = 40
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 5e-4


@final
class EvaluateConfig(Section):
    """What is measured, and how its noise is.

    `metrics` names the measures (`loopsim evaluate RUN --metric NAME` adds one later); `num_audit_images` are drawn per neutral prompt ("a photo of a
    <profession>"); `num_resamples` is the bootstrap's; the baseline's models are trained `num_replicates` times in all, with different seeds, to
    learn how much retraining alone moves a metric. LIC repeats its splits `num_lic_seeds` times; `lic_encoder` is the transformer (folder or hub id)
    of `lic_transformer`.
    """

    metrics: tuple[MetricName, ...] = tuple(name for name in get_args(MetricName) if name not in ON_DEMAND)
    num_audit_images: Count = 16
    num_resamples: Annotated[int, Field(ge=2)] = 2000
    num_replicates: PositiveInt = 3
    num_lic_seeds: PositiveInt = 10
    lic_encoder: str | None = None


@final
class FinetuneConfig(Section):
    """How the generator is trained on D_g: LoRA adapters or all of the denoiser's weights, from the base model or from SD_{g-1}."""

    method: Literal["lora", "full"] = "lora"
    start: Literal["base", "previous"] = "previous"
    num_steps: Count = 50
    batch_size: PositiveInt = 32
    learning_rate: PositiveFloat = 1e-3
    rank: PositiveInt = 16
    caption_dropout: Share = 0.1


@final
class GenerateConfig(Section):
    """How S_{g+1} is drawn: by which generator, for which prompts, and which candidates are kept.

    `prompts`: the real captions (original), captioner_g's captions of D_g's pictures (captioner), or a mix with `captioner_share` of the latter.
    `curation`: keep every candidate (none), the `keep_share` with the best CLIP_g score (best_share), or the best of `num_candidates` for each slot
    (best_of_k). `generator = "oracle"` draws from the corpus's own process: the control in which nothing drifts, unless `oracle_shift` moves
    P(woman | profession) by that much a generation.
    """

    generator: Literal["diffusion", "oracle"] = "diffusion"
    prompts: Literal["original", "captioner", "mixed"] = "mixed"
    captioner_share: Share = 0.5
    caption_temperature: Annotated[float, Field(ge=0)] = 0.7
    curation: Literal["none", "best_share", "best_of_k"] = "best_share"
    keep_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    num_candidates: PositiveInt = 2
    num_samples: PositiveInt | None = None
    num_steps: PositiveInt = 10
    guidance: Annotated[float, Field(ge=1)] = 2.0
    batch_size: PositiveInt = 64
    oracle_shift: Annotated[float, Field(ge=-1, le=1)] = 0.0


@final
class Config(Section):
    """One loop. `base_weights` is a folder as `loopsim pretrain` makes it; by default the one that loopsim ships."""

    seed: Count = 0
    generations: Count = 5
    num_threads: PositiveInt | None = None
    checkpoint_seconds: PositiveFloat = 30.0
    base_weights: str | None = None
    data: DataConfig = DataConfig()
    compose: ComposeConfig = ComposeConfig()
    clip: TrainConfig = TrainConfig()
    captioner: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    finetune: FinetuneConfig = FinetuneConfig()
    generate: GenerateConfig = GenerateConfig()


# What each preset changes of the defaults.
PRESETS: dict[str, dict[str, Any]] = {
    "pocket": {},
    "tiny": {
        "generations": 2,
        "data": {"num_train": 200, "num_retrieval": 200, "num_faces": 200},
        "clip": {"num_steps": 8, "batch_size": 64},
        "captioner": {"num_steps": 8, "batch_size": 64},
        "evaluate": {"num_audit_images": 2, "num_resamples": 200},
        "finetune": {"num_steps": 6},
        "generate": {"num_steps": 6, "batch_size": 32},
    },
}


def load_config(source: str, overrides: Iterable[str] = ()) -> Config:
    """Return the config of a preset's name or a TOML file, changed by `key=value` overrides (`finetune.num_steps=200`; values as in TOML).

    Raises ConfigError naming the file and the key, with the nearest known key or the allowed values.
    """
    if source in PRESETS:
        tree = cast(dict[str, Any], _copied(PRESETS[source]))
    else:
        tree = _read_toml(source)
    for override in overrides:
        _override(tree, override)
    return config_from_tree(tree, source)


def config_from_tree(tree: Mapping[str, Any], source: str) -> Config:
    """Return the validated config of a nested mapping; `source` names it in errors."""
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(source, dict(item)) for item in error.errors(include_url=False))) from error


def _copied(tree: Any) -> Any:
    return {key: _copied(value) for key, value in tree.items()} if isinstance(tree, dict) else tree


def _read_toml(source: str) -> dict[str, Any]:
    path = Path(source)
    if not path.is_file():
        near = difflib.get_close_matches(source, PRESETS, 1)
        hint = f"; did you mean the preset {near[0]!r}?" if near else f"; presets: {', '.join(PRESETS)}"
        raise ConfigError(f"{source}: no such config file{hint}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def parse_value(text: str) -> Any:
    """Return a value as TOML writes it; a bare word is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _override(tree: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {override}: write it as key=value, for example --set finetune.num_steps=200")
    value = parse_value(text)
    *sections, leaf = key.strip().split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"--set {override}: {section} is a value, not a section")
    tree[leaf] = value


def known_keys(model: type[Section] = Config, prefix: str = "") -> list[str]:
    """Return every key of a section and its sub-sections, dotted."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, Section):
            keys += known_keys(nested, f"{prefix}{name}.")
        keys.append(prefix + name)
    return keys


def _explain(source: str, error: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in error["loc"] if part != "[key]" and not str(part).startswith(("constrained", "tuple", "float")))
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, known_keys(), 1, cutoff=0.5)
        return f"{source}: unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    message = f"{source}: {key} = {error['input']!r}: {error['msg'][:1].lower()}{error['msg'][1:]}"
    expected = str((error.get("ctx") or {}).get("expected", ""))
    near = difflib.get_close_matches(str(error["input"]), [word.strip("' ") for word in expected.replace(" or ", ",").split(",")], 1)
    return message + (f"; did you mean {near[0]!r}?" if near else "")
