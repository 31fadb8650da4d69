"""Which models take part, on which device, and how they are trained."""

import math
from typing import Annotated, Any, Literal, final

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from loopsim.config.base import Count, Section, Share

SHIPPED = "shipped"


def _is_none(value: object) -> bool:
    """Whether a key stays out of a run's config: so that those that lack it keep their digests."""
    return value is None


class TrainConfig(Section):
    """How long and fast a model trains, and from which weights: the base, the previous generation's, or
    random ones.

    `num_epochs` over D_g, if given, replaces `num_steps`.
    """

    start: Literal["base", "previous", "scratch"] = "base"
    num_steps: Count = 40
    num_epochs: PositiveFloat | None = None
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 5e-4
    warmup_steps: Count = 10
    weight_decay: Annotated[float, Field(ge=0)] = 0.01

    def steps(self, num_images: int) -> int:
        """Return the number of training steps on a set of that many images."""
        return (
            self.num_steps
            if self.num_epochs is None
            else math.ceil(self.num_epochs * num_images / self.batch_size)
        )


@final
class GeneratorConfig(Section):
    """The base Stable Diffusion: "shipped" (the pocket one), a diffusers folder, a `.safetensors` single
    file, or a hub id.

    `family` (one of `loopsim/models/diffusion/families`: sd for 1.x and 2.x, sdxl, sd3) is read from a
    folder's `model_index.json`; a single file needs it, and as `config` a folder or a hub id with the
    pipeline's configs. `without_t5` leaves SD 3's third text encoder out.
    """

    checkpoint: str = SHIPPED
    family: str = "auto"
    config: str | None = None
    variant: str | None = None
    without_t5: bool = False


@final
class ClipConfig(TrainConfig):
    """The CLIP that each generation trains: "shipped", any name that open_clip knows, or a folder of
    open_clip's layout.

    `pretrained`: an open_clip tag or a weights file, for `start = "base"`. `augment` uses open_clip's
    training transform (random crops).
    """

    model: str = SHIPPED
    pretrained: str | None = None
    augment: bool = False
    gradient_checkpointing: bool = False

    @model_validator(mode="after")
    def _has_weights_to_start_from(self) -> "ClipConfig":
        named = self.model != SHIPPED and not set("/\\:") & set(
            self.model
        )  # a folder and a hub's "hf-hub:…" bring their own
        if named and self.pretrained is None and self.start != "scratch":
            raise ValueError(
                f"{self.model} has no weights to start from: give pretrained (a tag or a file), or start = "
                '"scratch"'
            )
        return self


@final
class CaptionerConfig(TrainConfig):
    """The captioner that each generation trains.

    `kind` (one of `loopsim/models/captioners`): ClipCap (CLIP_g's feature, mapped to a prefix of the language
    model `model`), an encoder-decoder `transformer` from scratch, or a captioner from the hub (`model`: BLIP,
    GIT, vision-encoder-decoder).
    Evaluation writes by beam search with `num_beams` (1: the likeliest word each time).
    """

    kind: str = "clipcap"
    model: str = SHIPPED
    mapper: Literal["mlp", "transformer"] = "mlp"
    prefix_length: PositiveInt = 10
    freeze_language_model: bool = False
    width: PositiveInt = 512
    num_layers: PositiveInt = 6
    max_tokens: PositiveInt = 27
    num_beams: PositiveInt = 1


@final
class EncoderConfig(Section):
    """A frozen CLIP: an open_clip name with `pretrained` (tag or file), a folder, or "shipped"."""

    model: str = SHIPPED
    pretrained: str | None = None


@final
class ClassifierConfig(Section):
    """The pinned attribute classifier that labels pictures, never trained during a run.

    `kind` (one of `loopsim/models/classifiers`): the pocket one (shipped), zero-shot with the frozen CLIP of
    `[encoder]` (`prompts`: attribute -> value -> prompts; defaults exist for gender, skin_tone, race and
    age), or image-classification checkpoints (`checkpoints`: attribute -> folder or hub id; `renames`: their
    labels -> loopsim's values).
    `calibration`: the labelled real set that its confusion matrix is measured on. With a `detector` (object
    detection, a folder or hub id) it looks at the largest person found instead of the whole picture.

    A picture that shows nobody has no label. `nobody` are prompts for such pictures, which zero-shot sets
    against those of all values; by default loopsim's own, and with none everybody is somebody. `undetected`
    says what becomes of a picture in which a detector finds no person: it shows "nobody" (the default), or is
    looked at "whole". In a run's own config None is what runs did before there was a choice: every picture
    had a label.
    """

    kind: str = SHIPPED
    prompts: dict[str, dict[str, tuple[str, ...]]] = {}
    attributes: tuple[str, ...] = ("gender", "skin_tone")
    checkpoints: dict[str, str] = {}
    renames: dict[str, str] = {}
    calibration: Literal["none", "retrieval", "faces"] = "faces"
    detector: str | None = None
    nobody: Annotated[tuple[str, ...] | None, Field(exclude_if=_is_none)] = None
    undetected: Annotated[Literal["nobody", "whole"] | None, Field(exclude_if=_is_none)] = None

    @model_validator(mode="after")
    def _has_a_detector_to_find_nobody(self) -> "ClassifierConfig":
        if self.undetected is not None and self.detector is None:
            raise ValueError("undetected says what a detector finds nobody in: name one (detector = …)")
        return self


class FinetuneConfig(Section):
    """How the generator is trained on D_g: LoRA adapters or all of the denoiser's weights, from the base
    model or from SD_{g-1}.

    The objective (ε, v or flow matching) is the model's own. `snr_gamma` is Min-SNR's γ (Hang et al. 2023; ε
    and v); `timestep_mean` and `timestep_std` shape flow matching's logit-normal timesteps. `micro_batch`
    images go through at a time, and their gradients add up to a batch. `cache`: what is encoded once instead
    of at each step. `lora_targets` names the layers that get adapters; the default is the family's.
    """

    method: Literal["lora", "full"] = "lora"
    start: Literal["base", "previous"] = "previous"
    num_steps: Count = 50
    num_epochs: PositiveFloat | None = None
    batch_size: PositiveInt = 32
    micro_batch: PositiveInt | Literal["auto", "whole"] = "whole"
    learning_rate: PositiveFloat = 1e-3
    warmup_steps: Count = 10
    rank: PositiveInt = 16
    lora_targets: tuple[str, ...] | None = None
    caption_dropout: Share = 0.1
    snr_gamma: PositiveFloat | None = None
    timestep_mean: float = 0.5
    timestep_std: PositiveFloat = 1.4
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    gradient_checkpointing: bool = False
    cache: Literal["all", "latents", "none"] = "all"

    def steps(self, num_images: int) -> int:
        """Return the number of training steps on a set of that many images."""
        return (
            self.num_steps
            if self.num_epochs is None
            else math.ceil(self.num_epochs * num_images / self.batch_size)
        )


# Generation settings of published studies, by name.
SETTINGS: dict[str, dict[str, Any]] = {
    "seed_paper": {
        "num_steps": 50,
        "guidance": 7.5,
        "fresh_seeds": False,
        "curation": "none",
        "prompts": "original",
    }
}


class GenerateConfig(Section):
    """How S_{g+1} is drawn: by which generator, for which prompts, and which candidates are kept.

    `prompts`: the real captions (original), captioner_g's captions of D_g's pictures (captioner), or a mix
    with `captioner_share` of the latter, sampled at `caption_temperature` from the nucleus `caption_top_p`.
    `curation`: keep every candidate (none), the `keep_share` with the best CLIP_g score (best_share), or the
    best of `num_candidates` for each slot (best_of_k). `settings = "seed_paper"` sets the paper's values
    (Stable Diffusion's defaults: 50 steps, guidance 7.5) where no other is given. Without `fresh_seeds` a
    slot's picture has the same seed in every generation, and one that is already there, of the same model and
    prompt, is used again. `generator = "oracle"` draws from the corpus's own process: the control in which
    nothing drifts, unless `oracle_shift` moves P(woman | profession) by that much a generation.
    """

    settings: Literal["seed_paper"] | None = None
    generator: Literal["diffusion", "oracle"] = "diffusion"
    prompts: Literal["original", "captioner", "mixed"] = "mixed"
    captioner_share: Share = 0.5
    caption_temperature: Annotated[float, Field(ge=0)] = 0.7
    caption_top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    curation: Literal["none", "best_share", "best_of_k"] = "best_share"
    keep_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    num_candidates: PositiveInt = 2
    num_samples: PositiveInt | None = None
    num_steps: PositiveInt = 10
    guidance: Annotated[float, Field(ge=1)] = 2.0
    fresh_seeds: bool = True
    image_format: Literal["png", "jpeg"] = "png"
    batch_size: PositiveInt | Literal["auto"] = 64
    oracle_shift: Annotated[float, Field(ge=-1, le=1)] = 0.0

    @model_validator(mode="before")
    @classmethod
    def _named_settings(cls, tree: Any) -> Any:
        name = tree.get("settings") if isinstance(tree, dict) else None
        return SETTINGS.get(name, {}) | tree if name else tree


@final
class DeviceConfig(Section):
    """Where and in which arithmetic: "auto" takes CUDA, then Apple's MPS, then the CPU, and trains in
    bfloat16 where the GPU has it.

    `attention`: which of PyTorch's scaled-dot-product kernels CUDA may use. `compile` compiles denoiser and
    CLIP towers.
    """

    name: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    channels_last: bool | None = None
    attention: Literal["auto", "flash", "efficient", "math"] = "auto"
    compile: bool = False
