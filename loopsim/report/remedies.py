"""What remedies did: each arm of a study against the same loops without it, with the seed as the unit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from scipy import stats

from loopsim.context.phase_names import PREPARE
from loopsim.core.run_folder import STATE
from loopsim.metrics.drift import Drift, drift_over_seeds, with_verdicts
from loopsim.metrics.estimate import LEVEL, wilson_interval
from loopsim.report.summary import Summary, summarize
from loopsim.store.rows import AttemptRow
from loopsim.store.store import Store

METHOD = (
    "Δ: against the same seed's loop without a remedy, all branches of one generation 0; 95 % intervals are "
    "Student's over seeds; verdicts: Benjamini-Hochberg over all arms and outcomes, q = 0.05"
)


@final
@dataclass(frozen=True)
class Outcome:
    """One thing that a remedy may change: the row of a report that tells it, and its short name. `real`: the
    row that tells the same of real data.
    """

    name: str
    metric: str
    group: str
    real: str | None = None


OUTCOMES: Final = (
    Outcome("women", "sample_share", "gender=woman", real="dataset_share"),
    Outcome("dark", "sample_share", "skin_tone=darker", real="dataset_share"),
    Outcome("slope", "profession_slope", "overall"),
    Outcome("R@1", "recall@1", "overall"),
    Outcome("R@1 gap", "recall@1", "gender & skin_tone gap"),
    Outcome("err gap", "gender_error", "gender gap"),
    Outcome("fd", "sample_fd_clip", "overall"),
    Outcome("recall", "sample_recall", "overall"),
    Outcome("Vendi", "sample_vendi", "overall"),
    Outcome("stated", "stated_fidelity", "overall"),
)


@final
@dataclass(frozen=True)
class Effect:
    """A difference over seeds: its mean, Student's 95 % interval, the p-value and the verdict."""

    delta: float
    low: float
    high: float
    p_value: float
    verdict: str


@final
@dataclass(frozen=True)
class RemedyRow:
    """One outcome of one arm at the last generation: its mean over `num_seeds` with Student's interval, the
    effect against the loops without (None: of the arm without itself, or with fewer than two seeds), and
    against the arm's control. `within_real`: whether the mean lies in the real data's interval.
    """

    arm: str
    outcome: str
    metric: str
    group: str
    num_seeds: int
    value: float | None
    low: float | None
    high: float | None
    effect: Effect | None
    control: str | None
    against_control: Effect | None
    within_real: bool | None


@final
@dataclass(frozen=True)
class RemedyCost:
    """How long an arm's loops took, as a multiple of those without: mean over seeds with the range. `prepare`
    is the share of its time that went into learning.
    """

    arm: str
    ratio: float
    lowest: float
    highest: float
    prepare: float


@final
@dataclass(frozen=True)
class StudyReport:
    """All that a study of remedies found."""

    num_seeds: int
    generation: int
    rows: list[RemedyRow]
    real: Mapping[str, tuple[float, float, float]]  # outcome -> share of the real data, its interval
    costs: list[RemedyCost]

    @property
    def arms(self) -> list[str]:
        """The arms in their order."""
        return list(dict.fromkeys(row.arm for row in self.rows))

    def as_json(self) -> dict[str, Any]:
        """Return the document that `loopsim study interventions --json` prints."""
        real = {
            name: {"share": share, "low": low, "high": high} for name, (share, low, high) in self.real.items()
        }
        return {
            "num_seeds": self.num_seeds,
            "generation": self.generation,
            "rows": [asdict(row) for row in self.rows],
            "real": real,
            "costs": [asdict(cost) for cost in self.costs],
            "method": METHOD,
        }


def report_study(
    runs: Mapping[str, Sequence[Path]], nothing: str, controls: Mapping[str, str | None]
) -> StudyReport:
    """Return what the finished runs of a study tell: `runs` are each arm's by seed, in one order of seeds;
    `nothing` is the arm without a remedy, `controls` the arm that each has to beat besides.
    """
    summaries = {arm: [summarize(run) for run in mine] for arm, mine in runs.items()}
    generation = max(summaries[nothing][0].generations)
    real = {one.name: _real(summaries[nothing], one) for one in OUTCOMES if one.real is not None}
    values = {
        (arm, one): [_value(summary, one.metric, one.group, generation) for summary in mine]
        for arm, mine in summaries.items()
        for one in OUTCOMES
    }
    biases = {(row.metric, row.group) for row in summaries[nothing][0].metrics if row.is_bias}

    def compared(arm: str, other: str | None, one: Outcome) -> Drift | None:
        if other is None or other == arm:
            return None
        is_bias = (one.metric, one.group) in biases
        return drift_over_seeds(_deltas(values[arm, one], values[other, one], is_bias), is_bias=is_bias)

    places = list(values)
    effects = _corrected([compared(arm, nothing, one) for arm, one in places])
    against = _corrected([compared(arm, controls.get(arm), one) for arm, one in places])
    rows = []
    for (arm, one), effect, other in zip(places, effects, against, strict=True):
        mean = _mean(values[arm, one])
        within = None
        if one.name in real and mean.value is not None:
            within = real[one.name][1] <= mean.value <= real[one.name][2]
        rows.append(
            replace(
                mean, arm=arm, outcome=one.name, metric=one.metric, group=one.group, effect=effect,
                control=controls.get(arm), against_control=other, within_real=within,
            )
        )  # fmt: skip
    return StudyReport(len(runs[nothing]), generation, rows, real, list(_costs(runs, nothing)))


def _value(summary: Summary, metric: str, group: str, generation: int) -> float | None:
    place = (metric, group, generation)
    found = (row.value for row in summary.metrics if (row.metric, row.group, row.generation) == place)
    return next(found, None)


def _real(summaries: Sequence[Summary], one: Outcome) -> tuple[float, float, float]:
    """Return the group's share of the seeds' real data together, with Wilson's interval."""
    rows = [
        row
        for summary in summaries
        for row in summary.metrics
        if (row.metric, row.group, row.generation) == (one.real, one.group, 0)
    ]
    count = sum((row.value or 0.0) * row.n for row in rows)
    num = sum(row.n for row in rows)
    return (count / num, *wilson_interval(count, num)) if num else (float("nan"),) * 3


def _deltas(values: Sequence[float | None], others: Sequence[float | None], is_bias: bool) -> list[float]:
    pairs = [(a, b) for a, b in zip(values, others, strict=True) if a is not None and b is not None]
    return [abs(a) - abs(b) if is_bias else a - b for a, b in pairs]


def _corrected(found: Sequence[Drift | None]) -> list[Effect | None]:
    """Return differences with their verdicts, corrected together."""
    ruled = iter(with_verdicts([one for one in found if one is not None]))
    effects: list[Effect | None] = []
    for one in found:
        d = None if one is None else next(ruled)
        effects.append(None if d is None else Effect(d.delta, d.low, d.high, d.p_value, d.verdict))
    return effects


def _mean(values: Sequence[float | None]) -> RemedyRow:
    known = np.array([value for value in values if value is not None], np.float64)
    value = low = high = None
    if len(known):
        value = float(known.mean())
    if len(known) > 1:
        half = float(stats.t.ppf((1 + LEVEL) / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
        low, high = float(known.mean()) - half, float(known.mean()) + half
    return RemedyRow("", "", "", "", len(known), value, low, high, None, None, None, None)


def _costs(runs: Mapping[str, Sequence[Path]], nothing: str) -> Iterator[RemedyCost]:
    without = [sum(_seconds(run).values()) for run in runs[nothing]]
    for arm, mine in runs.items():
        seconds = [_seconds(run) for run in mine]
        totals = [sum(one.values()) for one in seconds]
        ratios = [total / other for total, other in zip(totals, without, strict=True)]
        prepare = sum(one.get(PREPARE, 0.0) for one in seconds) / sum(totals)
        yield RemedyCost(arm, float(np.mean(ratios)), min(ratios), max(ratios), prepare)


def _seconds(run: Path) -> dict[str, float]:
    """Return the seconds of a run's own phases, those before its branching point left out, by phase."""
    found: dict[str, float] = {}
    with Store(run / STATE, readonly=True) as store:
        for row in store.scan(AttemptRow):
            found[row.phase] = found.get(row.phase, 0.0) + row.seconds
    return found
