"""evaluate: quality and bias of CLIP_g, captioner_g, D_g, S_g and the generator that drew S_g."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from loopsim.context.context import PhaseContext
from loopsim.context.phase import Outputs
from loopsim.evaluation.evaluation import WITH_MODEL, Evaluation, Measured
from loopsim.evaluation.measures import MEASURES, OF_MODELS
from loopsim.store.keys import Part, Table, key
from loopsim.store.store import Record, Row

HEADLINES = ("recall@1", "gender_error", "women_per_profession")


def evaluate(context: PhaseContext) -> Outputs:
    """Measure what the config names, and store values, intervals, replicates and per-item scores; of a
    replicate only what asks its models.
    """
    names = [name for name in context.config.evaluate.metrics if not context.replicate or name in OF_MODELS]
    measured = measure(context, names)
    rows = list(
        replicate_rows(context.replicate, measured)
        if context.replicate
        else metric_rows(context.generation, measured)
    )
    headline = {m.metric: m.estimates["overall"].value for m in measured if m.metric in HEADLINES}
    return Outputs(rows, facts={"num_metrics": len(measured)} | headline)


def measure(context: PhaseContext, names: Sequence[str]) -> list[Measured]:
    """Return what the named measures find in a generation, or in a replicate of the baseline."""
    evaluation = Evaluation(context)
    return [result for name in names for result in MEASURES[name](evaluation)]


def metric_rows(
    generation: int, measured: Iterable[Measured], metrics: Table = Table.METRIC, items: Table = Table.ITEMS
) -> Iterator[Row]:
    """Yield a row per metric and group, and one for each metric's per-item scores."""
    for m in measured:
        yield from _estimate_rows((metrics, generation), m)
        scores = np.ascontiguousarray(m.items, dtype="<f4")
        yield key(items, generation, m.metric), Record({"shape": list(scores.shape)}, scores.tobytes())


def replicate_rows(replicate: int, measured: Iterable[Measured]) -> Iterator[Row]:
    """Yield a row per metric and group of what a replicate's models show."""
    for m in measured:
        if m.section in WITH_MODEL:
            yield from _estimate_rows((Table.REPLICATE, replicate), m)


def _estimate_rows(place: tuple[Table, Part], m: Measured) -> Iterator[Row]:
    shared = {
        "metric": m.metric,
        "section": m.section,
        "baseline": m.baseline,
        "has_model": m.section in WITH_MODEL,
    }
    for group, e in m.estimates.items():
        fields = {
            "value": e.value,
            "n": e.n,
            "low": e.low,
            "high": e.high,
            "is_bias": e.is_bias,
            "reason": e.reason,
        }
        replicates = np.zeros(0, np.float32) if e.replicates is None else e.replicates.astype("<f4")
        yield key(*place, m.metric, group), Record(fields | shared | {"group": group}, replicates.tobytes())
