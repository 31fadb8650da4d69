"""What an audit of texts has found: whom they leave out, whom they put into which role, and the words that
mark groups.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, final

from loopsim.data.reading import BadRow
from loopsim.metrics.harms import MedianRatio
from loopsim.metrics.marked_words import MarkedWord


@final
@dataclass(frozen=True)
class RolePeople:
    """How many people have a role, and of how many the gender is known, a first name, and its races (the
    others' names are not in the table: they are dropped).
    """

    num_people: int
    num_gendered: int
    num_named: int
    num_matched: int


@final
@dataclass(frozen=True)
class Omission:
    """R_rep of a group among the people of a role: `count` (fractional for races) of `n`, over its share
    `reference` of the population, with its interval.
    """

    role: str
    group: str
    count: float
    n: int
    reference: float
    value: float
    low: float
    high: float


@final
@dataclass(frozen=True)
class Subordination:
    """R_sub of a group, from its counts in the two roles; without an interval where it was met in neither."""

    group: str
    subordinated: float
    num_subordinated: int
    dominant: float
    num_dominant: int
    value: float
    low: float | None
    high: float | None


@final
@dataclass(frozen=True)
class TextAudit:
    """What a file of texts shows, by group: "woman", "black", "black woman".

    `people` is by role, `medians` and `marked` by group; `bad_rows` are the first of `num_bad`. `races` are
    those that the table of first names tells; without a table there are none. `reason` says why there are no
    ratios of subordination.
    """

    source: str
    num_texts: int
    num_bad: int
    num_left_out: int
    races: Sequence[str]
    people: Mapping[str, RolePeople]
    omission: Sequence[Omission]
    subordination: Sequence[Subordination]
    medians: Mapping[str, MedianRatio]
    marked: Mapping[str, Sequence[MarkedWord]]
    unmarked: Mapping[str, str]
    reason: str | None = None
    bad_rows: Sequence[BadRow] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """Return the document that `loopsim audit-text --json` prints."""
        return {
            "source": self.source,
            "texts": self.num_texts,
            "bad_rows": self.num_bad,
            "left_out": self.num_left_out,
            "first_bad_rows": [asdict(row) for row in self.bad_rows],
            "races": list(self.races),
            "people": {role: asdict(people) for role, people in self.people.items()},
            "omission": [asdict(row) for row in self.omission],
            "subordination": [asdict(row) for row in self.subordination],
            "subordination_reason": self.reason,
            "median_racialised_subordination": {
                group: asdict(ratio)
                | {"curve": [{"t": t, "value": value, "names": n} for t, value, n in ratio.curve]}
                for group, ratio in self.medians.items()
            },
            "marked_words": {
                group: {"unmarked": self.unmarked[group], "words": [asdict(word) for word in words]}
                for group, words in self.marked.items()
            },
        }
