"""Neon: away from what a model learns of itself (2025).

θ = θ_r - w (θ_s - θ_r): the weights are fine-tuned on pictures of their own, and the step that this takes is
taken backwards, once, before anything is drawn. What training on itself would make worse gets better, and
drawing costs what it did.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, final

from pydantic import Field, NonNegativeInt, PositiveInt

from loopsim.core.rng import numpy_generator, seed_for
from loopsim.interventions.base import Draw, Intervention, Place
from loopsim.interventions.workshop import Pictures, Prepared, Workshop

if TYPE_CHECKING:
    from loopsim.models.diffusion.sampler import Sampler


@final
class Neon(Intervention):
    """Draws `num_pictures` for D_g's captions with SD_g, trains LoRA adapters on them for `num_steps` (by
    default as `[finetune]` says), and merges them with the weight -`w`.
    """

    name: ClassVar = "neon"
    places: ClassVar = frozenset({Place.WEIGHTS})
    w: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    num_pictures: PositiveInt = 256
    num_steps: NonNegativeInt | None = None

    def acts(self) -> bool:
        return self.w > 0

    def prepares(self) -> bool:
        return self.w > 0

    def prepare(self, workshop: Workshop) -> Prepared:
        own = workshop.draw(own_draws(workshop, self.num_pictures))
        return Prepared(workshop.adapter("own", own, self.num_steps).save, {"num_pictures": len(own)})

    def adapt(self, sampler: "Sampler", training_set: Pictures | None) -> None:
        from loopsim.models.diffusion.adapters import merge_adapter

        merge_adapter(sampler.model, self.prepared, -self.w)


def own_draws(workshop: Workshop, num: int) -> list[Draw]:
    """Return the draws of `num` pictures of a model's own, for captions of what it was trained on."""
    data, name = workshop.training_set(), (*workshop.seed, "own")
    order = numpy_generator(*name, "order").permutation(len(data))
    draws = []
    for number in range(num):
        options = data.captions(int(order[number % len(order)]))
        caption = options[int(numpy_generator(*name, "caption", number).integers(len(options)))]
        draws.append(Draw(caption, caption, seed_for(*name, number)))
    return draws
