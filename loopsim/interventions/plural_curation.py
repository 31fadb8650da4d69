"""Plural curation: the best of K by several rewards at once (Ferbach et al. 2024).

A loop that is curated by one reward ends where that reward is highest; CLIP_g, which the loop itself trains,
is no neutral one. Several rewards that disagree keep each other in check.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field, PositiveInt

from loopsim.config import Config, EncoderConfig
from loopsim.core.events import Fact
from loopsim.data.stated_groups import stated_groups
from loopsim.interventions.base import Candidate, Intervention, Place
from loopsim.interventions.frozen_clips import contents_of, require_frozen_clips
from loopsim.interventions.phrases import STATED
from loopsim.interventions.verifier import require_stated
from loopsim.interventions.workshop import Pictures, Rulers

Reward = Literal["clip", "encoder", "agreement"]


@final
class PluralCuration(Intervention):
    """Draws `num_candidates` pictures for each prompt and keeps the one with the best mean rank.

    `rewards`: "clip" (CLIP_g's score), "encoder" (the cosine of picture and caption by the frozen CLIP of
    `[encoder]`), "agreement" (the share of what the prompt states of `attributes` that the pinned classifier
    sees); each of `encoders` is one more frozen CLIP, as `[encoder]` names one. Within a prompt every reward
    ranks the candidates, equal ones by the mean of their places, and the ranks are added (Borda's count);
    where sums are equal, the better worst rank decides, then CLIP_g's score, then the order. One candidate a
    prompt leaves curation as it is.
    """

    name: ClassVar = "plural_curation"
    places: ClassVar = frozenset({Place.SELECT})
    asks_labels: ClassVar = True

    num_candidates: PositiveInt = 4
    rewards: Annotated[tuple[Reward, ...], Field(min_length=1)] = ("clip", "encoder", "agreement")
    encoders: tuple[EncoderConfig, ...] = ()
    attributes: tuple[str, ...] = ("gender", "skin_tone")
    words: dict[str, dict[str, tuple[str, ...]]] = {}

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        if "agreement" in self.rewards:
            require_stated(self.attributes, {**STATED, **self.words}, labels)
        require_frozen_clips(self.encoders)

    def content(self) -> Any:
        return self.model_dump(mode="json", exclude={"encoders"}) | {"encoders": contents_of(self.encoders)}

    def acts(self) -> bool:
        return self.num_candidates > 1

    def pool_size(self, num: int) -> int:
        return num * self.num_candidates

    def copies(self) -> int:
        return self.num_candidates

    def judge(self, pictures: Pictures, rulers: Rulers) -> Mapping[str, Sequence[float]]:
        found = {"encoder": rulers.likeness(pictures).tolist()} if "encoder" in self.rewards else {}
        for number, encoder in enumerate(self.encoders):
            found[f"encoders[{number}]"] = rulers.likeness(pictures, encoder).tolist()
        return found

    def scores(self, candidate: Candidate) -> dict[str, float]:
        """Return what each reward gives a candidate."""
        found = dict(candidate.rewards)
        if "clip" in self.rewards:
            found["clip"] = candidate.score
        if "agreement" in self.rewards:
            stated = stated_groups(candidate.prompt, self.attributes, {**STATED, **self.words})
            seen = [candidate.labels.get(attribute) == value for attribute, value in stated.items()]
            found["agreement"] = float(np.mean(seen)) if seen else 1.0
        return found

    def select(self, pool: Sequence[Candidate], num: int, rng: np.random.Generator) -> list[int]:
        groups: dict[int, list[int]] = {}
        for position, candidate in enumerate(pool):
            groups.setdefault(candidate.group, []).append(position)
        winners = []
        for positions in groups.values():
            table = [self.scores(pool[position]) for position in positions]
            ranks = np.array([ranked([row[name] for row in table]) for name in table[0]])
            winners.append(
                min(
                    range(len(positions)),
                    key=lambda i, ranks=ranks, positions=positions: (  # type: ignore[misc]
                        ranks[:, i].sum(),
                        ranks[:, i].max(),
                        -pool[positions[i]].score,
                        positions[i],
                    ),
                )
            )
        chosen = [positions[winner] for positions, winner in zip(groups.values(), winners, strict=True)]
        return sorted(chosen[:num])

    def told(self, pool: Sequence[Candidate], chosen: Sequence[int]) -> dict[str, Fact]:
        best: dict[int, float] = {}
        for candidate in pool:
            best[candidate.group] = max(best.get(candidate.group, candidate.score), candidate.score)
        same = [pool[i].score == best[pool[i].group] for i in chosen]
        return {"also_best_by_clip": float(np.mean(same)) if same else None}


def ranked(scores: Sequence[float]) -> np.ndarray:
    """Return the rank of each score, 1 the highest; equal scores share the mean of their places."""
    values = np.asarray(scores, np.float64)
    above, equal = values[None] > values[:, None], values[None] == values[:, None]
    ranks: np.ndarray = above.sum(1) + (equal.sum(1) + 1) / 2
    return ranks
