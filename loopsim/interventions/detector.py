"""Detector: synthetic pictures are told from real ones, and left out of D_g (UnivFD, Ojha et al. 2023; the
soft filter of Drayson et al. 2025).

One linear layer on the frozen encoder of `[encoder]` learns from S_1 … S_{g-1} and the real training
pictures; S_g, and who drew it, it has never seen. It costs real pictures, too, and not of every group as
many: what it takes for synthetic is told for each group.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, final

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from loopsim.config import Config, EncoderConfig
from loopsim.config.base import Share
from loopsim.core.events import Fact
from loopsim.core.rng import Part
from loopsim.interventions.base import Intervention, OpenedPool, Place
from loopsim.interventions.frozen_clips import contents_of, require_frozen_clips
from loopsim.interventions.picture_sets import Augmented, some_of
from loopsim.interventions.pool_facts import by_group, rates, told_of_filter
from loopsim.interventions.target import UNIFORM, require_known
from loopsim.interventions.workshop import Pictures, Pool, Prepared, Rulers, Workshop
from loopsim.metrics.detection import auc, tpr_at

if TYPE_CHECKING:
    from torch import Tensor

    from loopsim.models.synthetic_detector import SyntheticDetector

_BATCH = 250  # pictures that are decoded at a time
_TOLD_FPR: Final = 0.01  # the false-positive rate at which detectors are compared
_ABOUT = "about.json"


@final
class Detector(Intervention):
    """Filters the pool of D_g, whose pictures' origins are hidden.

    `filter` = "hard" leaves out what looks more synthetic than all but the share `fpr` of held-out real
    pictures. "soft" draws `size` times as many pictures as D_0 has, without replacement, with the weights
    (1 - p)^`power`, p = 1 / (1 + exp(-logit / `temperature`)) that a picture is synthetic; if the pool has
    fewer, all are taken, and `shortfall` counts what is missing. "none" does nothing.

    The layer is trained for `num_steps` steps of Adam at `learning_rate` on batches of `batch_size`, half
    real and half synthetic, from `num_pictures` of each kind at most, each seen as `num_views` views that
    were blurred and compressed (with probability `augment` each). It is cross-fitted over `num_folds`: no
    picture is judged by what was trained on it. Where there are no synthetic pictures yet (generation 1), or
    too few to cross-fit, nothing is trained and all of the pool passes: `trained` is 0.

    `encoder` is another frozen CLIP than the run's, named as `[encoder]` names one. Groups are those of
    `attributes` and the intersections of each two, as the pinned classifier sees them.
    """

    name: ClassVar = "detector"
    places: ClassVar = frozenset({Place.POOL})

    filter: Literal["none", "hard", "soft"] = "hard"
    fpr: Annotated[float, Field(gt=0, lt=1)] = 0.01
    power: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0
    size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.5
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-4
    num_steps: NonNegativeInt = 1000
    batch_size: Annotated[int, Field(ge=2)] = 256
    augment: Share = 0.5
    num_views: PositiveInt = 4
    num_pictures: PositiveInt = 2000
    num_folds: Annotated[int, Field(ge=2)] = 5
    attributes: tuple[str, ...] = ("gender", "skin_tone")
    encoder: EncoderConfig | None = None

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        require_known(self.attributes, UNIFORM, labels)
        if self.encoder is not None:
            require_frozen_clips([self.encoder])

    def content(self) -> Any:
        own = {} if self.encoder is None else {"encoder": contents_of([self.encoder])}
        return self.model_dump(mode="json", exclude={"encoder"}) | own

    def acts(self) -> bool:
        return self.filter != "none"

    def prepares(self) -> bool:
        return self.acts()

    def prepare(self, workshop: Workshop) -> Prepared:
        from loopsim.models.synthetic_detector import can_be_fitted

        real = some_of([workshop.real()], self.num_pictures, workshop.seed[0], self.name, "real")
        made = [one for k in range(1, workshop.generation) if (one := workshop.made(k)) is not None]
        synthetic = some_of(made, self.num_pictures, *workshop.seed, "synthetic")
        folds = self._folds(real), self._folds(synthetic)
        num = round(self.size * len(workshop.real()))
        counts = {"num_real": len(folds[0]), "num_synthetic": len(folds[1])}
        if not can_be_fitted(*folds):
            return Prepared(lambda folder: _write(folder, None, num), {"trained": 0, **counts})

        def views(sets: Sequence[Pictures]) -> "Tensor":
            return self._views(sets, workshop, workshop.seed[0])

        found = self._trained(workshop, (workshop.once(lambda: views(real)), views(synthetic)), folds)
        logits = [
            found.logits(self._features(sets, workshop), own)
            for sets, own in zip((real, synthetic), folds, strict=True)
        ]
        found = found.with_thresholds(logits[0], folds[0], self.fpr)
        taken = [found.flagged(one, own) for one, own in zip(logits, folds, strict=True)]
        facts = {
            "trained": 1,
            **counts,
            **_quality("held-out", logits[0], logits[1]),
            "held-out recall": float(taken[1].mean()),
            **rates("held-out fpr", by_group(taken[0], _labels(real, workshop), self.attributes)),
        }
        return Prepared(lambda folder: _write(folder, found, num), facts)

    def _folds(self, sets: Sequence[Pictures]) -> np.ndarray:
        from loopsim.models.synthetic_detector import fold_of

        found = [
            fold_of(image, self.num_folds)
            for pictures in sets
            for start in range(0, len(pictures), _BATCH)
            for image in pictures.images(range(start, min(start + _BATCH, len(pictures))))
        ]
        return np.array(found, np.int64)

    def _features(self, sets: Sequence[Pictures], rulers: Rulers) -> "Tensor":
        import torch

        return torch.cat([rulers.features(pictures, self.encoder) for pictures in sets])

    def _views(self, sets: Sequence[Pictures], rulers: Rulers, seed: Part) -> "Tensor":
        """Return the features [views, n, d] of pictures as they were blurred and compressed."""
        import torch

        def as_seen(view: int) -> list[Pictures]:
            return [Augmented(one, self.augment, (seed, self.name, view)) for one in sets]

        return torch.stack([self._features(as_seen(view), rulers) for view in range(self.num_views)])

    def _trained(
        self,
        workshop: Workshop,
        features: tuple["Tensor", "Tensor"],
        folds: tuple[np.ndarray, np.ndarray],
    ) -> "SyntheticDetector":
        from loopsim.models.synthetic_detector import detector_of, losses, untrained_layers
        from loopsim.models.training import Schedule

        layers = untrained_layers(self.num_folds, features[0].shape[-1]).to(workshop.device)
        of_step = losses(layers, features, folds, self.batch_size, (*workshop.seed, "batches"))
        # Adam at one rate, as published.
        schedule = Schedule(
            self.num_steps, self.learning_rate, warmup_steps=0, final_share=1.0, weight_decay=0.0
        )
        workshop.fit("layer", layers, of_step, schedule)
        return detector_of(layers)

    def choose(self, pool: Pool, rng: np.random.Generator, rulers: Rulers) -> list[int]:
        found, num = _read(self.prepared)
        if found is None:
            return list(range(len(pool)))
        logits, folds = self._judged(found, pool, rulers)
        if self.filter == "hard":
            kept: list[int] = np.flatnonzero(~found.flagged(logits, folds)).tolist()
            return kept
        return drawn_by_weight(log_weights(logits, self.power, self.temperature), num, rng)

    def _judged(
        self, found: "SyntheticDetector", pool: Pictures, rulers: Rulers
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a pool's logits [n] and folds [n]."""
        folds = self._folds([pool])
        return found.logits(self._features([pool], rulers), folds), folds

    def told_of_pool(self, pool: OpenedPool, chosen: Sequence[int], rulers: Rulers) -> dict[str, Fact]:
        found, num = _read(self.prepared)
        facts: dict[str, Fact] = {}
        if found is not None:
            if self.filter == "soft":
                facts["shortfall"] = max(0, num - len(chosen))
            is_real = np.array(pool.is_real, bool)
            logits, _ = self._judged(found, pool.pictures, rulers)
            facts |= _quality("pool", logits[is_real], logits[~is_real])
        return facts | told_of_filter(pool, chosen, rulers.labels(pool.pictures), self.attributes)


def log_weights(logits: np.ndarray, power: float, temperature: float) -> np.ndarray:
    """Return log (1 - p)^power, p = 1 / (1 + exp(-logit / temperature)), float64 [n], of logits [n].

    As logarithms, since (1 - p)^10 of a picture that is surely synthetic is below every float.
    """
    found: np.ndarray = -power * np.logaddexp(0.0, logits / temperature)
    return found


def drawn_by_weight(log_weights: np.ndarray, num: int, rng: np.random.Generator) -> list[int]:
    """Return `num` positions (all, if there are no more), in order, drawn one after the other without
    replacement, each with a probability proportional to its weight among those that are left.

    So the `num` largest of log w + Gumbel noise are distributed (Yellott 1977).
    """
    keys = log_weights + rng.gumbel(size=len(log_weights))
    return sorted(np.argsort(-keys, kind="stable")[:num].tolist())


def _labels(sets: Sequence[Pictures], rulers: Rulers) -> list[Mapping[str, str]]:
    return [one for pictures in sets for one in rulers.labels(pictures)]


def _quality(of: str, real: np.ndarray, synthetic: np.ndarray) -> dict[str, Fact]:
    """Return how well logits tell the two kinds apart."""
    return {
        f"{of} auc": auc(real, synthetic),
        f"{of} tpr at {_TOLD_FPR:.0%} fpr": tpr_at(real, synthetic, _TOLD_FPR),
    }


def _write(folder: Path, found: "SyntheticDetector | None", num: int) -> None:
    (folder / _ABOUT).write_text(json.dumps({"num": num, "trained": found is not None}) + "\n")
    if found is not None:
        found.save(folder)


def _read(folder: Path) -> "tuple[SyntheticDetector | None, int]":
    """Return what was trained, None if nothing was, and how many pictures the soft filter draws."""
    from loopsim.models.synthetic_detector import load_detector

    about = json.loads((folder / _ABOUT).read_text())
    return load_detector(folder) if about["trained"] else None, about["num"]
