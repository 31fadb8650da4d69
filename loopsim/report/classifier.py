"""A classifier's card: what it can say, and how often it was right."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from loopsim.metrics.confusion import Confusion
from loopsim.metrics.estimate import wilson_interval


@final
@dataclass(frozen=True)
class Recall:
    """How often pictures of a group were seen as it: `right` of `n`, its 95 % Wilson interval, what they were
    taken for most often otherwise ("" if never), and how many got no label.
    """

    group: str
    right: int
    n: int
    low: float
    high: float
    taken_for: str
    unlabelled: int = 0


@final
@dataclass(frozen=True)
class ClassifierCard:
    """The pinned classifier of `title`: its kind, what it was compared with, its values by attribute, how it
    did, for those attributes that were compared, and which it `abstains` from: a picture may have no label.
    """

    title: str
    kind: str
    compared_with: str
    values: Mapping[str, Sequence[str]]
    confusion: Mapping[str, Confusion]
    abstains: Collection[str] = ()

    def recalls(self, attribute: str) -> list[Recall]:
        """Return a row for each of an attribute's groups, in their order; none if it was not compared."""
        if attribute not in self.confusion:
            return []
        names, confusion = self.values[attribute], self.confusion[attribute]
        rows = []
        for true, group in enumerate(names):
            column = [row[true] for row in confusion.seen]
            unlabelled = 0 if confusion.abstained is None else confusion.abstained[true]
            right, n = column[true], sum(column) + unlabelled
            column[true] = 0
            most = max(column)
            taken = names[column.index(most)] if most else ""
            rows.append(Recall(group, right, n, *wilson_interval(right, n), taken, unlabelled))
        return rows

    def abstention(self, attribute: str) -> str:
        """Return, in words, how often it gave no label on labelled pictures; "" where it always gives one."""
        if attribute not in self.abstains:
            return ""
        rows = self.recalls(attribute)
        n, without = sum(row.n for row in rows), sum(row.unlabelled for row in rows)
        if not rows:
            return "where it sees nobody it gives no label; how often it overlooks somebody is unknown"
        low, high = wilson_interval(without, n)
        return f"no label: {without:,} of {n:,}, {without / n:.1%} [{low:.1%}, {high:.1%}]"

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
            "counts": None if confusion is None else [list(row) for row in confusion.seen],
            "abstains": attribute in card.abstains,
            "abstained": None if confusion is None or confusion.abstained is None else [*confusion.abstained],
            "recall": [vars(row) for row in card.recalls(attribute)],
            "standing": card.standing(attribute),
        }
    return {
        "title": card.title,
        "kind": card.kind,
        "compared_with": card.compared_with,
        "attributes": attributes,
    }
