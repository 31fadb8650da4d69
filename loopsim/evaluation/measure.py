"""What a measure is: a value with a name, a place in the report, and a function Evaluation -> Measured.

loopsim's own lie in `measures/`; installed packages add theirs through the entry points `loopsim.metrics`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, final, get_args

import numpy as np

from loopsim.core.choices import Choices
from loopsim.core.errors import ConfigError
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.held_out import EvaluationSet
from loopsim.metrics.estimate import OVERALL, Disaggregated, by_group, not_available, weighted_mean

Section = Literal["data", "generator", "clip", "captions", "quality"]


def _no_items() -> np.ndarray:
    return np.zeros(0, np.float32)


@final
@dataclass(frozen=True)
class Measured:
    """One metric with its estimates by group, and the per-item scores (rows: items) that they came from.

    `baseline` is the generation that drift is counted from: 0 for what the real data or models trained on it
    show, 1 for S_g and its generator, the first of which are S_1 and SD_0.
    """

    metric: str
    estimates: Disaggregated
    items: np.ndarray = field(default_factory=_no_items)
    baseline: int = 0


@final
@dataclass(frozen=True)
class Measure:
    """One thing that `evaluate.metrics` can name, which may give several metrics.

    `section` is its place in the report. `asks_model`: it asks what generations train, so that a retraining
    with another seed moves its values, and a replicate of the baseline repeats it. `on_demand`: measured only
    where it is named. `draws_audit`: the generator draws the pictures of the neutral prompts for it.
    """

    name: str
    section: Section
    asks_model: bool
    body: Callable[[Evaluation], Iterator[Measured]]
    on_demand: bool = False
    draws_audit: bool = False


MEASURES: Choices[Measure] = Choices(
    "evaluate.metrics", Measure, "loopsim.evaluation.measures", "loopsim.metrics"
)


def default_measures() -> tuple[str, ...]:
    """Return the names that "default" stands for: loopsim's own measures that are not on demand, section by
    section.
    """
    sections = get_args(Section)
    chosen = [measure for measure in MEASURES.own.values() if not measure.on_demand]
    return tuple(m.name for m in sorted(chosen, key=lambda measure: sections.index(measure.section)))


@final
@dataclass(frozen=True)
class Result:
    """A measured metric with what its measure says of it; `has_model`: a retraining moves it."""

    metric: str
    estimates: Disaggregated
    items: np.ndarray
    baseline: int
    section: Section
    has_model: bool


def measure_all(evaluation: Evaluation, names: Iterable[str]) -> list[Result]:
    """Return what the named measures find, in their order.

    Raises ConfigError for an unknown name, and where two measures give a metric of the same name.
    """
    given_by: dict[str, str] = {}
    results = []
    for name in dict.fromkeys(names):
        measure = MEASURES.get(name)
        for m in measure.body(evaluation):
            first = given_by.setdefault(m.metric, name)
            if first != name:
                both = f"{first!r} and {name!r} both give the metric {m.metric!r}"
                raise ConfigError(f"evaluate.metrics: {both}; leave one of them out")
            results.append(
                Result(m.metric, m.estimates, m.items, m.baseline, measure.section, measure.asks_model)
            )
    return results


def means(
    metric: str,
    scores: np.ndarray,
    on: EvaluationSet,
    *,
    usable: np.ndarray | None = None,
    is_bias: bool = False,
    attributes: Sequence[str] = (),
) -> Measured:
    """Return the mean of per-item scores [n] on a held-out set, overall, by group and by intersection (or by
    `attributes` only); `usable` [n] leaves items out.
    """
    values = {name: known for name, known in on.values.items() if not attributes or name in attributes}
    estimates = by_group(
        weighted_mean(scores), on.groups, values, len(scores), on.weights, usable=usable, is_bias=is_bias
    )
    return Measured(metric, estimates, scores if usable is None else np.where(usable, scores, np.nan))


def unmeasured(metric: str, n: int, reason: str, *, is_bias: bool = False, baseline: int = 0) -> Measured:
    """Return what a measure gives where nothing can be said of `n` items, with the reason."""
    nothing = not_available(n, reason, is_bias=is_bias)
    return Measured(metric, Disaggregated({OVERALL: nothing}), baseline=baseline)
