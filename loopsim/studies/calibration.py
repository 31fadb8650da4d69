"""Are the verdicts calibrated? Oracle loops, in which nothing drifts or a known shift is planted, run as
ordinary runs (docs/calibration.md).

The null: fresh pictures of the corpus's own process for the original captions, everything kept. Any verdict
but "no evidence" is false. (With captions that a captioner wrote, or curation by a CLIP, even an oracle's
data drift: those are effects, not noise.) The plant: captions leave the gender open, all data are replaced,
and P(woman | profession) moves by a known step each generation.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from scipy import stats

from loopsim.config import Config
from loopsim.core.interrupt import Interrupt
from loopsim.metrics.drift import NO_EVIDENCE, UNKNOWN
from loopsim.metrics.estimate import LEVEL, wilson_interval
from loopsim.report.summary import DriftRow, Summary, summarize
from loopsim.runs.resolve import read_config
from loopsim.studies.sweep import run_cell

SHIFT = 0.1
CONTROL = ["generate.generator=oracle", "generate.prompts=original", "generate.curation=none"]
DATA_ONLY = [
    "clip.num_steps=0", "captioner.num_steps=0", 'evaluate.metrics=["representation", "generator"]',
    "evaluate.num_replicates=1",
    "evaluate.num_audit_images=16", "evaluate.num_resamples=1000", "data.num_train=400",
    "data.num_retrieval=1", "data.num_faces=1",
]  # fmt: skip
PLANTED = [
    f"generate.oracle_shift={SHIFT}", "compose.policy=replace", "generations=3",
    "data.openmoji.mention_gender=0", "data.openmoji.mention_object=0",
    "data.openmoji.mention_profession=1",
]  # fmt: skip
SILENT = (NO_EVIDENCE, UNKNOWN)
# Rows whose true drift under the plant is known: the share of women, averaged over professions.
KNOWN = ("dataset_share", "sample_share", "generator_share")


@final
@dataclass(frozen=True)
class FalseVerdicts:
    """Over null loops: how many verdicts a group of rows gave, how many were false, the rate's 95 % interval
    with the loop as the unit, and how many of the loops' generations held any false one.
    """

    rows: str
    num_loops: int
    num_verdicts: int
    num_false: int
    low: float
    high: float
    num_generations: int
    num_false_generations: int

    @property
    def rate(self) -> float:
        """The share of verdicts that were false."""
        return self.num_false / self.num_verdicts if self.num_verdicts else 0.0


@final
@dataclass(frozen=True)
class FoundShifts:
    """Over planted loops: how often the last generation's verdict had the right sign, and how many intervals
    held the true drift.
    """

    rows: str
    num_loops: int
    num_found: int
    num_intervals: int
    num_covered: int


@final
@dataclass(frozen=True)
class Calibration:
    """Both controls."""

    null: list[FalseVerdicts]
    planted: list[FoundShifts]


def control_configs(num_loops: int, num_model_loops: int) -> dict[str, Config]:
    """Return every control loop by its run's name: data alone without drift, all metrics without drift, and
    the planted shift.
    """
    kinds = (
        ("null", num_loops, [*CONTROL, *DATA_ONLY]),
        ("model", num_model_loops, CONTROL),
        ("shift", num_loops, [*CONTROL, *DATA_ONLY, *PLANTED]),
    )
    return {
        f"{kind}-{i:03d}": read_config("tiny", [*overrides, f"seed={1000 + i}"])
        for kind, count, overrides in kinds
        for i in range(count)
    }


def calibrate(
    folder: Path, configs: dict[str, Config], interrupt: Interrupt, advanced: Callable[[str, int, int], None]
) -> Calibration:
    """Run every control loop that is not finished, as a run in `folder`, and judge the verdicts. Raises
    Interrupted, with all saved.
    """
    for done, (name, config) in enumerate(configs.items()):
        advanced(name, done, len(configs))
        run_cell(folder / name, config, interrupt)
    summaries = {name: summarize(folder / name) for name in configs}

    def of(kind: str) -> list[Summary]:
        return [summary for name, summary in summaries.items() if name.startswith(kind)]

    null = [*false_verdicts(of("null"), "data alone"), *false_verdicts(of("model"), "all metrics")]
    return Calibration(
        null, found_shifts(of("shift"), next((c for n, c in configs.items() if n.startswith("shift")), None))
    )


def _movable(rows: Sequence[DriftRow]) -> list[DriftRow]:
    """Leave out rows that nothing random could move (the oracle answers the audit's prompts from the same
    seeds): they would dilute the rate.
    """
    return [row for row in rows if row.high - row.low > 1e-6]


def false_verdicts(summaries: Sequence[Summary], title: str) -> Iterator[FalseVerdicts]:
    """Yield the rate of false verdicts over null loops: by section of the report, then over all rows."""
    if not summaries:
        return
    section_of = {(row.metric, row.group): row.section for row in summaries[0].metrics}
    for section in (*dict.fromkeys(section_of.values()), None):
        loops = [
            [
                row
                for row in _movable(s.drift)
                if section is None or section_of[row.metric, row.group] == section
            ]
            for s in summaries
        ]
        loops = [rows for rows in loops if rows]
        if loops:
            false = [sum(row.verdict not in SILENT for row in rows) for rows in loops]
            low, high = _rate_interval(np.array(false), np.array([len(rows) for rows in loops]))
            held = [{row.generation for row in rows} for rows in loops]
            lied = [{row.generation for row in rows if row.verdict not in SILENT} for rows in loops]
            yield FalseVerdicts(
                f"{title}: {section or 'together'}", len(loops), sum(map(len, loops)), sum(false), low, high,
                sum(map(len, held)), sum(map(len, lied)),
            )  # fmt: skip


def _rate_interval(false: np.ndarray, total: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of Σ false / Σ total with the loop as the unit (ratio estimator); without any
    spread, Wilson's over loops.
    """
    rate, loops = false.sum() / total.sum(), len(false)
    residual = false - rate * total
    if loops < 2 or not residual.any():
        return wilson_interval(float(rate * loops), loops)
    error = np.sqrt(loops / (loops - 1) * np.square(residual).sum()) / total.sum()
    half = stats.t.ppf((1 + LEVEL) / 2, loops - 1) * error
    return max(0.0, float(rate - half)), min(1.0, float(rate + half))


def true_share(config: Config, generation: int) -> float:
    """Return the share of women that the plant's data of a generation have on average: mean over professions
    of P(woman) + shift, within [0, 1].
    """
    return float(
        np.mean(
            [
                np.clip(share + generation * config.generate.oracle_shift, 0, 1)
                for share in config.data.openmoji.professions.values()
            ]
        )
    )


def true_drift(config: Config, generation: int, baseline: int) -> float:
    """Return the plant's true Δ: the mean of the last two generations after the baseline, less it."""
    recent = range(max(generation - 1, baseline + 1), generation + 1)
    return float(np.mean([true_share(config, g) for g in recent])) - true_share(config, baseline)


def found_shifts(summaries: Sequence[Summary], config: Config | None) -> list[FoundShifts]:
    """Return, for each row whose truth is known and for all of them, how often the shift was found and how
    often the interval held it.
    """
    if config is None:
        return []
    found = []
    for metric in KNOWN:
        intervals = [
            row
            for summary in summaries
            for row in summary.drift
            if (row.metric, row.group) == (metric, "gender=woman")
        ]
        baseline = 0 if metric == "dataset_share" else 1
        truth = {g: true_drift(config, g, baseline) for g in range(baseline + 1, config.generations + 1)}
        covered = sum(row.low <= truth[row.generation] <= row.high for row in intervals)
        last = [row for row in intervals if row.generation == config.generations]
        found.append(
            FoundShifts(
                f"{metric} of women",
                len(last),
                sum(row.verdict == "rose" for row in last),
                len(intervals),
                covered,
            )
        )
    totals = [
        sum(getattr(row, name) for row in found)
        for name in ("num_loops", "num_found", "num_intervals", "num_covered")
    ]
    return [*found, FoundShifts("together", *totals)]
