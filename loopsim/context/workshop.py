"""What an intervention learns from: the round's own models and pictures, through the phase's context."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, final

import numpy as np
import torch
from torch import Tensor, nn

from loopsim.config import EncoderConfig
from loopsim.context.context import PhaseContext
from loopsim.context.denoiser_training import train_denoiser
from loopsim.context.pictures import batches
from loopsim.context.sampling import DiffusionGenerator, Generator, draw_missing, open_generator
from loopsim.context.training_set import TrainingSet, sources_of_corpus
from loopsim.core.rng import Part
from loopsim.data.images import decode_picture
from loopsim.interventions.base import Draw
from loopsim.interventions.registry import Acting
from loopsim.interventions.workshop import Pictures, Rulers, Workshop
from loopsim.models.base_weights import seed_weights
from loopsim.models.classifiers import label_pictures
from loopsim.models.clip import Clip
from loopsim.models.diffusion.adapters import Adapter, adapter_of
from loopsim.models.diffusion.finetuning import make_trainable
from loopsim.models.diffusion.sampler import Sampler
from loopsim.models.training import Losses, Schedule, fit
from loopsim.store.rows import PreparedRow
from loopsim.store.store import Store

T = TypeVar("T")


@final
@dataclass(frozen=True)
class DrawnPictures:
    """Pictures that were drawn for an intervention, each with the caption that it was drawn for."""

    store: Store
    keys: Sequence[tuple[int, int, int]]
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.keys)

    def captions(self, position: int) -> Sequence[str]:
        """Return a picture's captions."""
        return (self.texts[position],)

    def images(self, positions: Sequence[int]) -> Tensor:
        """Return pictures as uint8 [k, h, w, 3]."""
        return torch.from_numpy(np.stack([self._picture(position) for position in positions]))

    def _picture(self, position: int) -> np.ndarray:
        row = self.store.get(PreparedRow, *self.keys[position])
        assert row is not None, "sets name stored pictures only"
        return decode_picture(row.picture)

    def select(self, positions: Sequence[int]) -> "DrawnPictures":
        """Return the set of some of its pictures; one may be there several times."""
        return DrawnPictures(
            self.store, [self.keys[i] for i in positions], [self.texts[i] for i in positions]
        )


class PinnedRulers(Rulers):
    """The run's classifier and encoder, as a phase may use them."""

    def __init__(self, context: PhaseContext) -> None:
        self.context = context

    def labels(self, pictures: Pictures) -> Sequence[Mapping[str, str]]:
        models = self.context.models
        return label_pictures(models.classifier, models.detector, batches(pictures))

    def _clip(self, encoder: EncoderConfig | None) -> Clip:
        models = self.context.models
        return models.encoder if encoder is None else models.frozen_clip(encoder)

    def features(self, pictures: Pictures, encoder: EncoderConfig | None = None) -> Tensor:
        return self._clip(encoder).encode_batches(batches(pictures))

    def likeness(self, pictures: Pictures, encoder: EncoderConfig | None = None) -> Tensor:
        clip = self._clip(encoder)
        texts = clip.encode_texts([pictures.captions(position)[0] for position in range(len(pictures))])
        cosines: Tensor = (clip.encode_batches(batches(pictures)) * texts).sum(-1)
        return cosines


@final
class PhaseWorkshop(PinnedRulers, Workshop):
    """The workshop of one intervention, in the phase that precedes the drawing of S_g."""

    def __init__(self, context: PhaseContext, acting: Acting) -> None:
        super().__init__(context)
        self._acting, self._num_drawn = acting, 0

    @property
    def generation(self) -> int:
        return self.context.serves

    @property
    def seed(self) -> tuple[Part, ...]:
        return (self.context.config.seed, self.context.generation, self.context.phase, self._acting.label)

    @property
    def device(self) -> str:
        return self.context.device.name

    @property
    def batch_size(self) -> int:
        return self.context.config.generate.batch_size

    def sampler(self, *, base: bool = False) -> Sampler:
        trained_in = -1 if base else self.context.generation
        return self.context.models.sampler(trained_in, adapt=lambda sampler: None)

    def once(self, make: Callable[[], T]) -> T:
        settings = self._acting.intervention.model_dump_json()
        return self.context.models.remember((self._acting.label, settings), make)

    @property
    def professions(self) -> Sequence[str]:
        return tuple(self.context.corpus.world_women())

    def draw(self, draws: Sequence[Draw], adapt: Callable[[Sampler], None] | None = None) -> DrawnPictures:
        context, start = self.context, self._num_drawn
        self._num_drawn += len(draws)
        rows = [
            PreparedRow(self.generation, self._acting.number, start + i, draw.prompt, draw.seed)
            for i, draw in enumerate(draws)
        ]

        def generator() -> Generator:
            if adapt is None:
                return open_generator(context, context.generation)
            return DiffusionGenerator(context.models.sampler(context.generation, adapt=adapt))

        draw_missing(context, rows, generator)
        keys = [(row.generation, row.intervention, row.index) for row in rows]
        return DrawnPictures(context.reader, keys, [draw.caption for draw in draws])

    def training_set(self) -> TrainingSet:
        return self.context.training_set()

    def real(self) -> TrainingSet:
        num_slots = self.context.config.data.counts()["train"]
        return TrainingSet(self.context.corpus, self.context.reader, sources_of_corpus(num_slots))

    def made(self, generation: int) -> TrainingSet | None:
        assert 0 < generation < self.generation, "what is drawn later is not there yet"
        return self.context.samples(generation)

    def adapter(self, part: str, pictures: Pictures, num_steps: int | None = None) -> Adapter:
        context, config = self.context, self.context.config.finetune
        name, model = (*self.seed, part), context.models.generator(context.generation)
        seed_weights(*name, "adapters")
        make_trainable(model, "lora", config.rank, None, config.lora_targets)
        chosen = config.steps(len(pictures)) if num_steps is None else num_steps
        train_denoiser(context, model, pictures, name=name, num_steps=chosen, part=self._part(part))
        return adapter_of(model)

    def fit(
        self,
        part: str,
        module: nn.Module,
        losses_of_step: Callable[[int], Losses],
        schedule: Schedule,
    ) -> None:
        fit(
            module,
            losses_of_step,
            schedule,
            seed=(*self.seed, part),
            world=self.context.world,
            checkpointing=self.context.checkpoints(schedule.num_steps, self._part(part)),
            device=self.context.device,
        )

    def _part(self, part: str) -> str:
        return f"{self._acting.label}/{part}"
