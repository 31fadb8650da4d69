"""evaluate: quality and bias of CLIP_g, captioner_g, D_g, S_g and the generator that drew S_g."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from loopsim.context.context import PhaseContext
from loopsim.context.phase import Outputs
from loopsim.context.pictures import BATCH
from loopsim.context.sampling import draw_missing, open_generator
from loopsim.core.events import Fact, MetricMeasured
from loopsim.data.images import decode_picture
from loopsim.evaluation.audit_prompts import AuditPrompt
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import MEASURES, Result, measure_all
from loopsim.metrics.estimate import OVERALL
from loopsim.store.row import Row
from loopsim.store.rows import (
    AddedItemsRow,
    AddedMetricRow,
    AddedReplicateRow,
    AuditRow,
    ItemsRow,
    MetricRow,
    ReplicateAuditRow,
    ReplicateRow,
)


class _Shared(TypedDict):
    """What the rows of an estimate have in common."""

    metric: str
    group: str
    value: float | None
    n: int
    low: float | None
    high: float | None
    is_bias: bool
    reason: str | None
    section: str
    baseline: int
    has_model: bool
    replicates: bytes


HEADLINES = ("recall@1", "gender_error", "women_per_profession")


def evaluate(context: PhaseContext) -> Outputs:
    """Measure what the config names, and store values, intervals, replicates and per-item scores; of a
    replicate of the baseline only what asks its models.
    """
    names = [
        name
        for name in context.config.evaluate.metrics
        if not context.replicate or MEASURES.get(name).asks_model
    ]
    results = measure(context, names)
    rows = (
        replicate_rows(context.replicate, results)
        if context.replicate
        else metric_rows(context.generation, results)
    )
    facts: dict[str, Fact] = {"num_metrics": len(results)}
    facts |= {r.metric: r.estimates[OVERALL].value for r in results if r.metric in HEADLINES}
    return Outputs(list(rows), facts=facts)


def measure(context: PhaseContext, names: Sequence[str]) -> list[Result]:
    """Return what the named measures find in a generation, or in a replicate of the baseline."""
    results = measure_all(Evaluation(context, lambda prompts: audited(context, prompts)), names)
    for r in results:
        e = r.estimates.get(OVERALL)
        if e is not None:
            context.emit(MetricMeasured(context.generation, context.phase, r.metric, e.value, e.low, e.high))
    return results


def audited(context: PhaseContext, prompts: Sequence[AuditPrompt]) -> Iterator[Tensor]:
    """Yield what the generator draws for neutral prompts, in batches uint8 [k, h, w, 3]; what is missing is
    drawn first.

    Generation g's generator is the one that drew S_g: the base at g = 0, then SD_{g-1}; a replicate of the
    baseline answers with its own SD_0. It answers alone, without the run's interventions on prompts and
    noise.
    """
    plan: list[AuditRow] | list[ReplicateAuditRow]
    if context.replicate:
        plan = [
            ReplicateAuditRow(p.prompt, p.profession, p.seed, replicate=context.replicate, index=i)
            for i, p in enumerate(prompts)
        ]
        draw_missing(context, plan, lambda: open_generator(context, 0))
    else:
        plan = [
            AuditRow(p.prompt, p.profession, p.seed, generation=context.generation, index=i)
            for i, p in enumerate(prompts)
        ]
        draw_missing(context, plan, lambda: open_generator(context, context.generation - 1))
    for start in range(0, len(plan), BATCH):
        rows = [context.reader.get(type(row), *row.key) for row in plan[start : start + BATCH]]
        yield torch.from_numpy(np.stack([decode_picture(row.picture) for row in rows if row is not None]))


def metric_rows(generation: int, results: Iterable[Result], *, added: bool = False) -> Iterator[Row]:
    """Yield a row per metric and group, and one for each metric's per-item scores; `added` after the seal."""
    estimate, items = (AddedMetricRow, AddedItemsRow) if added else (MetricRow, ItemsRow)
    for r in results:
        for group in r.estimates:
            yield estimate(generation=generation, **_estimate(r, group))
        scores = np.ascontiguousarray(r.items, dtype="<f4")
        yield items(generation, r.metric, scores.shape, scores.tobytes())


def replicate_rows(replicate: int, results: Iterable[Result], *, added: bool = False) -> Iterator[Row]:
    """Yield a row per metric and group of what a replicate's models show; `added` after the seal."""
    estimate = AddedReplicateRow if added else ReplicateRow
    for r in results:
        for group in r.estimates if r.has_model else ():
            yield estimate(replicate=replicate, **_estimate(r, group))


def _estimate(r: Result, group: str) -> _Shared:
    e = r.estimates[group]
    replicates = np.zeros(0, np.float32) if e.replicates is None else e.replicates.astype("<f4")
    return {
        "metric": r.metric,
        "group": group,
        "value": e.value,
        "n": e.n,
        "low": e.low,
        "high": e.high,
        "is_bias": e.is_bias,
        "reason": e.reason,
        "section": r.section,
        "baseline": r.baseline,
        "has_model": r.has_model,
        "replicates": replicates.tobytes(),
    }
