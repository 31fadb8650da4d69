"""Diverse fine-tuning: on real pictures, of each group as many (AlDahoul et al. 2025).

The pinned classifier labels real training pictures; as many of each group as of any other are trained on, and
the adapters are merged. Drawing costs what it did. Unlike the inclusive adapters it needs real pictures of
every group, and it leaves whom the model draws to the model: fine-tuning moves the shares, it does not set
them.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Annotated, ClassVar, final

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from loopsim.config import Config
from loopsim.core.errors import DataError
from loopsim.core.rng import numpy_generator
from loopsim.interventions.base import Intervention, Place
from loopsim.interventions.target import UNIFORM, counts_to, group_of, require_known
from loopsim.interventions.workshop import Pictures, Prepared, Workshop

if TYPE_CHECKING:
    from loopsim.models.diffusion.sampler import Sampler


@final
class Diverse(Intervention):
    """Labels `num_labelled` real pictures (the same ones in every generation), chooses `num_pictures` of them
    so that each intersection of `attributes` is there equally often, trains LoRA adapters on them for
    `num_steps` (by default as `[finetune]` says), and merges them with `weight`.

    A group with too few pictures has them several times (`repeated`); an intersection that nobody belongs to
    is `missing`.
    """

    name: ClassVar = "diverse"
    places: ClassVar = frozenset({Place.WEIGHTS})

    attributes: Annotated[tuple[str, ...], Field(min_length=1)] = ("gender", "skin_tone")
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    num_pictures: PositiveInt = 256
    num_labelled: PositiveInt = 2000
    num_steps: NonNegativeInt | None = None

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        require_known(self.attributes, UNIFORM, labels)

    def acts(self) -> bool:
        return self.weight > 0

    def prepares(self) -> bool:
        return self.acts()

    def prepare(self, workshop: Workshop) -> Prepared:
        real = workshop.real()
        order = numpy_generator(workshop.seed[0], self.name, "labelled").permutation(len(real))
        labelled = real.select(order[: self.num_labelled].tolist())
        labels = workshop.labels(labelled)
        groups = [group_of(one, self.attributes) for one in labels]
        chosen = balanced(groups, self.num_pictures, numpy_generator(*workshop.seed, "balanced"))
        if not chosen:
            raise DataError(
                f"{self.name}: the classifier knows {' and '.join(self.attributes)} of none of "
                f"{len(groups)} real pictures; raise num_labelled"
            )
        seen = [{one.get(attribute, "") for one in labels} - {""} for attribute in self.attributes]
        facts = {
            "num_pictures": len(chosen),
            "repeated": len(chosen) - len(set(chosen)),
            "missing": len(list(product(*seen))) - len(set(groups) - {""}),
            **{f"real {group}": groups.count(group) for group in sorted(set(groups) - {""})},
        }
        adapter = workshop.adapter("balanced", labelled.select(chosen), self.num_steps)
        return Prepared(adapter.save, facts)

    def adapt(self, sampler: "Sampler", training_set: Pictures | None) -> None:
        from loopsim.models.diffusion.adapters import merge_adapter

        if self.acts():
            merge_adapter(sampler.model, self.prepared, self.weight)


def balanced(groups: Sequence[str], num: int, rng: np.random.Generator) -> list[int]:
    """Return `num` positions of `groups` ("" is no group), each group's as often as any other's (one more of
    the first ones, where `num` cannot be divided); no position twice before all of its group are there.
    """
    chosen: list[int] = []
    for group, count in counts_to(dict.fromkeys(sorted(set(groups) - {""}), 1.0), num).items():
        members = rng.permutation([position for position, one in enumerate(groups) if one == group]).tolist()
        chosen += [members[number % len(members)] for number in range(count)]
    return chosen
