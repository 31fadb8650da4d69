"""Held-out sets: real items that nothing trains on, the same in every generation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from torch import Tensor

from loopsim.context.pictures import read_records
from loopsim.data.corpus import Corpus, Record, Split
from loopsim.metrics.estimate import with_intersections


@final
@dataclass(frozen=True)
class EvaluationSet:
    """Real held-out items: records, labels ("": none) and known values by attribute, and the bootstrap's
    weights [B, n].

    `attributes` are those that metrics are reported for, without their intersections.
    """

    corpus: Corpus
    records: Sequence[Record]
    attributes: tuple[str, ...]
    groups: Mapping[str, Sequence[str]]
    values: Mapping[str, Sequence[str]]
    weights: np.ndarray

    def batches(self) -> Iterator[Tensor]:
        """Yield the pictures in order, in batches uint8 [k, h, w, 3]."""
        return read_records(self.corpus, self.records)


def held_out(corpus: Corpus, split: Split, num_items: int, weights: np.ndarray) -> EvaluationSet:
    """Return a corpus's first `num_items` items of a held-out split, with the bootstrap's `weights`
    [B, num_items].
    """
    records = corpus.records(split, num_items)
    attributes, known = corpus.reported(split), corpus.attributes(split)
    labels = {attribute: [record.groups.get(attribute, "") for record in records] for attribute in attributes}
    groups, values = with_intersections(labels, {attribute: known[attribute] for attribute in attributes})
    return EvaluationSet(corpus, records, attributes, groups, values, weights)
