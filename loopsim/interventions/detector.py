"""Detector: pictures that look synthetic are kept out of D_g (UnivFD: Ojha et al. 2023, arXiv 2302.10174; the
soft filter: Drayson et al. 2025).

Would detection have kept synthetic pictures out of a pool whose origin nobody knows, and whose real pictures
does it take for synthetic? A filter that drops one group's is a bias of its own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, final

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from loopsim.config.base import Share
from loopsim.core.events import Fact
from loopsim.core.rng import Part, numpy_generator
from loopsim.interventions.base import Intervention, Place
from loopsim.interventions.workshop import Pictures, Prepared, Rulers, Workshop

if TYPE_CHECKING:
    from torch import Tensor

TRAINING_SHARE = 0.7  # of the pictures whose origin is known; with the others it is judged
FEWEST = 8  # pictures of each kind whose origin is known, or nothing is learned
_PROBE, _SETTINGS = "probe.safetensors", "detector.json"


@final
class Detector(Intervention):
    """A linear layer on the frozen encoder, trained for each D_g on S_1 … S_{g-1} and on the share `known` of
    the real pictures; at most `num_pictures` of each. Before there are any of S, nothing is dropped.

    `filter` = "hard" drops what looks more synthetic than all but a share `fpr` of real pictures that it was
    not trained on. "soft" keeps a share `keep` of the pool, drawn without replacement with the weights
    (1 - p)^`power`, p = sigmoid(logit / `temperature`). "none" drops nothing.

    Every picture is seen in `num_views` versions: as it is, and with blur (p = .5, up to 3 pixels) and JPEG
    (p = .5, quality 30 to 100) at random.
    """

    name: ClassVar = "detector"
    places: ClassVar = frozenset({Place.POOL})

    filter: Literal["hard", "soft", "none"] = "hard"
    fpr: Annotated[float, Field(gt=0, lt=1)] = 0.01
    keep: Annotated[float, Field(gt=0, le=1)] = 2 / 3
    power: NonNegativeFloat = 10.0
    temperature: PositiveFloat = 1.0
    known: Annotated[Share, Field(gt=0)] = 0.5
    num_pictures: PositiveInt = 5000
    num_views: PositiveInt = 4
    num_steps: PositiveInt = 500
    batch_size: PositiveInt = 256
    learning_rate: PositiveFloat = 1e-3

    def acts(self) -> bool:
        return self.filter != "none"

    def prepares(self) -> bool:
        return self.acts()

    def prepare(self, workshop: Workshop) -> Prepared:
        import torch

        from loopsim.models.linear_probe import fit_linear_probe

        seed, everything = workshop.seed, workshop.real()
        num_known = min(self.num_pictures, round(self.known * len(everything)))
        # Who is known to be real does not change from one generation to the next.
        known = numpy_generator(seed[0], self.name, "known").permutation(len(everything))[:num_known]
        real, made = everything.select(known.tolist()), self._made(workshop)
        counts: dict[str, Fact] = {"num_real": len(real), "num_synthetic": sum(map(len, made))}
        if min(len(real), sum(map(len, made))) < FEWEST:
            return Prepared(lambda folder: None, counts | {"trained": 0})
        training: list[Tensor] = []
        held_out: list[Tensor] = []
        positive: list[bool] = []
        judged: list[Mapping[str, str]] = []
        synthetic: list[Tensor] = []
        for number, pictures in enumerate([real, *made]):
            order = numpy_generator(*seed, "split", number).permutation(len(pictures)).tolist()
            split = max(1, round(TRAINING_SHARE * len(order)))
            for view in range(self.num_views):
                seen = Seen(pictures.select(order[:split]), (*seed, number, view) if view else ())
                training.append(workshop.features(seen))
                positive += [number > 0] * split
            if order[split:]:
                rest = pictures.select(order[split:])
                (synthetic if number else held_out).append(workshop.features(rest))
                judged += workshop.labels(rest) if number == 0 else []
        probe = fit_linear_probe(
            torch.cat(training),
            torch.tensor(positive),
            *seed,
            num_steps=self.num_steps,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
        )
        real_scores, synthetic_scores = (
            probe.logits(torch.cat(part)).numpy() for part in (held_out, synthetic)
        )
        threshold, facts = _judged(real_scores, synthetic_scores, judged, self.fpr)

        def write(folder: Path) -> None:
            probe.save(folder / _PROBE)
            (folder / _SETTINGS).write_text(json.dumps({"threshold": threshold}))

        return Prepared(write, counts | {"trained": 1} | facts)

    def _made(self, workshop: Workshop) -> list[Pictures]:
        """Return the sets that were kept of S_1 … S_{g-1}, together at most `num_pictures`."""
        sets = [workshop.made(generation) for generation in range(1, workshop.generation)]
        found = [pictures for pictures in sets if pictures is not None and len(pictures)]
        total = sum(map(len, found))
        if total <= self.num_pictures:
            return list(found)
        chosen = np.sort(numpy_generator(*workshop.seed, "made").permutation(total)[: self.num_pictures])
        starts = np.cumsum([0, *map(len, found)])
        parts = [chosen[(chosen >= a) & (chosen < b)] - a for a, b in pairwise(starts)]
        return [one.select(part.tolist()) for one, part in zip(found, parts, strict=True) if len(part)]

    def choose(self, pool: Pictures, rng: np.random.Generator, rulers: Rulers) -> list[int]:
        from loopsim.models.linear_probe import LinearProbe

        if not (self.prepared / _PROBE).exists():
            return list(range(len(pool)))
        logits = LinearProbe.load(self.prepared / _PROBE).logits(rulers.features(pool)).double().numpy()
        if self.filter == "hard":
            threshold = json.loads((self.prepared / _SETTINGS).read_text())["threshold"]
            return np.flatnonzero(logits <= threshold).tolist()
        # The largest of log w + Gumbel are drawn without replacement by the weights w.
        log_weights = -self.power * np.logaddexp(0, logits / self.temperature)
        order = np.argsort(-(log_weights + rng.gumbel(size=len(logits))), kind="stable")
        return sorted(order[: max(1, round(self.keep * len(pool)))].tolist())

    def told_of_pool(
        self, chosen: Sequence[int], is_real: Sequence[bool], groups: Sequence[Mapping[str, str]]
    ) -> dict[str, Fact]:
        from loopsim.metrics.detection import share_above_by_group

        real = np.array(is_real, bool)
        dropped = ~np.isin(np.arange(len(real)), np.asarray(chosen, np.int64))
        facts: dict[str, Fact] = {"dropped": int(dropped.sum()), "of": len(real)}
        for name, kind in (("real", real), ("synthetic", ~real)):
            facts[f"{name}_dropped"] = float(dropped[kind].mean()) if kind.any() else None
        mine = [labels for labels, is_one in zip(groups, is_real, strict=True) if is_one]
        found = share_above_by_group(dropped[real].astype(float), 0.5, mine)
        return facts | _told("real_dropped", found)


def _judged(
    real: np.ndarray, synthetic: np.ndarray, groups: Sequence[Mapping[str, str]], rate: float
) -> tuple[float, dict[str, Fact]]:
    """Return the threshold at a rate of false positives, and how the detector does on pictures that it was
    not trained on; false positives by group with intervals.
    """
    from loopsim.metrics.detection import auc, share_above, share_above_by_group, threshold_at

    threshold = threshold_at(real, rate)
    facts: dict[str, Fact] = {
        "num_held_out": len(real),
        "auc": auc(real, synthetic),
        "tpr_at_1%": share_above(synthetic, threshold_at(real, 0.01))[0],
        "tpr": share_above(synthetic, threshold)[0],
    }
    false = {"": share_above(real, threshold)} | share_above_by_group(real, threshold, groups)
    return threshold, facts | _told("fpr", false)


def _told(name: str, shares: Mapping[str, tuple[float, float, float]]) -> dict[str, Fact]:
    return {
        " ".join(filter(None, (name, group, bound))): value
        for group, share in shares.items()
        for bound, value in zip(("", "low", "high"), share, strict=True)
    }


@final
@dataclass(frozen=True)
class Seen:
    """Pictures as they may look after a while on the web: blurred and compressed at random, by `seed`; as
    they are without one.
    """

    pictures: Pictures
    seed: tuple[Part, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def captions(self, position: int) -> Sequence[str]:
        """Return a picture's captions."""
        return self.pictures.captions(position)

    def images(self, positions: Sequence[int]) -> "Tensor":
        """Return pictures as uint8 [k, h, w, 3]."""
        import torch

        from loopsim.data.attacks import weathered

        images = self.pictures.images(positions)
        if not self.seed:
            return images
        changed = [
            weathered(image, numpy_generator(*self.seed, int(position)))
            for image, position in zip(images.numpy(), positions, strict=True)
        ]
        return torch.from_numpy(np.stack(changed))

    def select(self, positions: Sequence[int]) -> "Seen":
        """Return the set of some of its pictures, as they look there."""
        return Seen(self.pictures.select(positions), self.seed)
