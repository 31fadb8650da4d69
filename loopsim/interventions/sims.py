"""SIMS: guidance away from what a model learns of itself (Alemohammad et al. 2024).

s = (1 + w) s_real - w s_self: s_real is the score of the model as it is, s_self of a copy that was fine-tuned
on pictures of its own. Unlike Neon, which merges once, every step of the drawing makes two passes.

What is combined are predictions. At given latents and time the score is an affine function of what a model
predicts, be it the noise, the velocity or the flow: s = a·prediction + b, with a and b the same for both
models. The weights 1 + w and -w sum to 1, so that b drops out: the same combination of predictions is the
prediction of the combined score. Guidance by the prompt, whose weights sum to 1, too, may come before or
after.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, final

from pydantic import Field, NonNegativeInt, PositiveInt

from loopsim.interventions.base import Intervention, Place
from loopsim.interventions.neon import own_draws
from loopsim.interventions.workshop import Pictures, Prepared, Workshop

if TYPE_CHECKING:
    from loopsim.models.diffusion.sampler import Sampler


@final
class Sims(Intervention):
    """Draws `num_pictures` for D_g's captions with SD_g, trains LoRA adapters on them for `num_steps` (by
    default as `[finetune]` says), and leads the drawing away from them with the weight `w`.

    Of several interventions on the weights, those before it in the config change both models, those after it
    s_real alone.
    """

    name: ClassVar = "sims"
    places: ClassVar = frozenset({Place.WEIGHTS})

    w: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5
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
        from loopsim.models.diffusion.extrapolation import lead_away

        lead_away(sampler.model, self.prepared, self.w)
