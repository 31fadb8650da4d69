"""A classifier's card: what it can say, and how often it was right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from loopsim.metrics.confusion import Confusion
from loopsim.metrics.estimate import wilson_interval


@final
@dataclass(frozen=True)
class Recall:
    """How often pictures of a group were seen as it: `right` of `n`, its 95 % Wilson interval, and what they
    were taken for most often otherwise ("" if never).
    """

    group: str
    right: int
    n: int
    low: float
    high: float
    taken_for: str


@final
@dataclass(frozen=True)
class ClassifierCard:
    """The pinned classifier of `title`: its kind, what it was compared with, its values by attribute, and how
    it did, for those attributes that were compared.
    """

    title: str
    kind: str
    compared_with: str
    values: Mapping[str, Sequence[str]]
    confusion: Mapping[str, Confusion]

    def recalls(self, attribute: str) -> list[Recall]:
        """Return a row for each of an attribute's groups, in their order; none if it was not compared."""
        if attribute not in self.confusion:
            return []
        names, counts = self.values[attribute], self.confusion[attribute].counts
        rows = []
        for true, group in enumerate(names):
            column = [row[true] for row in counts]
            right, n = column[true], sum(column)
            column[true] = 0
            most = max(column)
            taken = names[column.index(most)] if most else ""
            rows.append(Recall(group, right, n, *wilson_interval(right, n), taken))
        return rows

    def standing(self, attribute: str) -> str:
        """Return, in words, what is done with the shares of an attribute's groups that it sees."""
        confusion = self.confusion.get(attribute)
        if confusion is None:
            return "never compared with labelled pictures: shares are not corrected, and its errors unknown"
        if confusion.trouble is not None:
            return f"corrected shares are not available: {confusion.trouble}"
        return "shares are reported as seen, and corrected with these counts"


def card_as_json(card: ClassifierCard) -> dict[str, Any]:
    """Return the document that `loopsim classifier --json` prints; counts are [observed][true]."""
    attributes = {}
    for attribute, names in card.values.items():
        confusion = card.confusion.get(attribute)
        attributes[attribute] = {
            "values": list(names),
            "n": None if confusion is None else confusion.n,
            "counts": None if confusion is None else [list(row) for row in confusion.counts],
            "recall": [vars(row) for row in card.recalls(attribute)],
            "standing": card.standing(attribute),
        }
    return {
        "title": card.title,
        "kind": card.kind,
        "compared_with": card.compared_with,
        "attributes": attributes,
    }
