"""One loop: how D_g is composed and what is measured, and all sections together."""

from typing import Annotated, Any, Literal, Self, final

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from loopsim.config.base import Count, Section, Share
from loopsim.config.data import DataConfig
from loopsim.config.interventions import InterventionConfig
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
)
from loopsim.config.trackers import TrackersConfig

MAX_GENERATIONS = 10_000  # each is planned, listed and summed up again at every opening


@final
class ComposeConfig(Section):
    """How D_g is put together from real data and S_1 … S_g.

    `policy` names the rule: substitute, replace, accumulate, accumulate_subsample or fresh_real. `alpha`
    (substitute, fresh_real) is the generated share: one number, or one a generation from g = 1 on (the last
    is repeated). `draw`: an exact share of the slots, or each slot with that probability.
    """

    policy: str = "substitute"
    alpha: Share | tuple[Share, ...] = 0.5
    draw: Literal["exact", "probability"] = "exact"

    def alpha_at(self, generation: int) -> float:
        """Return α_g, for g >= 1."""
        if isinstance(self.alpha, tuple):
            return self.alpha[min(generation, len(self.alpha)) - 1]
        return self.alpha

    def at(self, generation: int) -> Self:
        """Return the section with α_g alone: a schedule may be extended along with the run. Generation 0, of
        real data only, has that of generation 1.
        """
        return self.model_copy(update={"alpha": self.alpha_at(max(generation, 1))})

    @model_validator(mode="after")
    def _alpha_is_not_empty(self) -> "ComposeConfig":
        if self.alpha == ():
            raise ValueError("alpha needs at least one value")
        return self


class EvaluateConfig(Section):
    """What is measured, and how its noise is.

    `metrics` names the measures, loopsim's own and those of installed packages; "default" stands for all of
    loopsim's own that need no java, no further model and no minutes. (`loopsim evaluate RUN --metric NAME`
    adds one later.) `num_audit_images` are drawn per neutral prompt ("a photo of a <profession>");
    `num_resamples` is the bootstrap's; the baseline's models are trained `num_replicates` times in all,
    with different seeds, to learn how much retraining alone moves a metric. LIC repeats its splits
    `num_lic_seeds` times; `lic_encoder` is the transformer (folder or hub id) of `lic_transformer`. Of D_g
    and S_g at most `max_pictures` slots are labelled and measured, the same ones in every generation.
    `professions` (to P(woman | profession) in the world) are those of the neutral prompts; by default the
    corpus's own, or US labour statistics for files.
    """

    metrics: tuple[str, ...] | Literal["default"] = "default"
    num_audit_images: Count = 16
    num_resamples: Annotated[int, Field(ge=2)] = 2000
    num_replicates: PositiveInt = 3
    num_lic_seeds: PositiveInt = 10
    lic_encoder: str | None = None
    max_pictures: PositiveInt = 10_000
    professions: dict[str, Share] | None = None

    @field_validator("metrics", mode="before")
    @classmethod
    def _one_name_is_a_list_too(cls, value: Any) -> Any:
        if isinstance(value, str) and value != "default":
            raise ValueError(f'write "default", or a list of names: ["{value}"]')
        return value


@final
class ResolvedEvaluateConfig(EvaluateConfig):
    """What is measured, with the measures and the neutral prompts' professions named one by one."""

    metrics: tuple[str, ...]
    professions: dict[str, Share]


class Config(Section):
    """One loop. `base_weights` is the folder of the parts that say "shipped", as `loopsim pretrain` makes it;
    by default loopsim's own.

    `keep`: whose generations' weights stay on disk: all, last (what the loop needs to go on), or every:N
    beside it. `interventions` act in their order. `trackers` only watch: they are no part of what a run is.
    """

    seed: Count = 0
    generations: Annotated[int, Field(ge=0, le=MAX_GENERATIONS)] = 5
    num_threads: PositiveInt | None = None
    checkpoint_seconds: PositiveFloat = 30.0
    base_weights: str | None = None
    keep: Annotated[str, Field(pattern=r"^(all|last|every:[1-9]\d*)$")] = "all"
    data: DataConfig = DataConfig()
    compose: ComposeConfig = ComposeConfig()
    generator: GeneratorConfig = GeneratorConfig()
    clip: ClipConfig = ClipConfig()
    captioner: CaptionerConfig = CaptionerConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    encoder: EncoderConfig = EncoderConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    finetune: FinetuneConfig = FinetuneConfig()
    generate: GenerateConfig = GenerateConfig()
    device: DeviceConfig = DeviceConfig()
    interventions: tuple[InterventionConfig, ...] = ()
    trackers: TrackersConfig = TrackersConfig()

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "Config":
        if self.generate.settings == "seed_paper" and self.data.image_size != 512:
            raise ValueError("generate.settings = 'seed_paper' draws 512 pixels: set data.image_size = 512")
        if self.data.image_size != 64 and SHIPPED in (self.generator.checkpoint, self.clip.model):
            raise ValueError(
                "the shipped models see 64 pixels: set data.image_size = 64, or name other models "
                "(generator.checkpoint, clip.model)"
            )
        return self
