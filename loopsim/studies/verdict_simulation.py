"""Are the verdicts calibrated, and what do they find? Rows of numbers in the place of loops: thousands of
loops in minutes, with the noise known (docs/calibration.md).

A row's value is a truth, plus what a training does to all of its items alike, plus the items that it flips;
the bootstrap sees the latter. The verdicts are those of reports: `loopsim.metrics.drift.drifts`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, final

import numpy as np

from loopsim.metrics.drift import NO_EVIDENCE, Drift, Trajectory, drifts
from loopsim.metrics.estimate import wilson_interval

RATIOS = (0.5, 1.0, 2.0, 3.0)  # of retraining's standard deviation to the items'
CORRELATIONS = (0.0, 0.5, 0.9)  # of any two rows
SHIFT, SHARE = 5.0, 0.1  # retraining standard deviations; of the rows
SHAPES = ("linear", "step")
Judge = Callable[[Sequence[Trajectory]], Sequence[Drift | None]]


@final
@dataclass(frozen=True)
class Scenario:
    """What is simulated: so many rows, baselines and generations, with retraining's noise in units of the
    items', and a correlation of all rows. `shift`: of a tenth of the rows, in standard deviations of a
    training, reached at once ("step") or at the last generation ("linear").
    """

    ratio: float
    correlation: float
    shift: float = 0.0
    shape: str = "step"
    num_rows: int = 200
    num_baselines: int = 3
    num_generations: int = 5
    num_resamples: int = 60


@final
@dataclass(frozen=True)
class Found:
    """What verdicts said over simulated loops. `false_generations` of `generations` held any false verdict,
    `false_trends` any false trend; of `shifted` rows `found` had a verdict of the right sign at the end and
    `trends` a trend; of all verdicts on loops with shifts a share `false_discoveries` was false; of
    `intervals` `covered` held the truth.
    """

    scenario: Scenario
    generations: int
    false_generations: int
    false_trends: int
    shifted: int
    found: int
    trends: int
    false_discoveries: float
    intervals: int
    covered: int

    @property
    def false_rate(self) -> tuple[float, float, float]:
        """The share of generations with any false verdict, with its 95 % Wilson interval."""
        return (
            self.false_generations / self.generations,
            *wilson_interval(self.false_generations, self.generations),
        )

    @property
    def power(self) -> float:
        """The share of shifted rows that were found."""
        return self.found / self.shifted if self.shifted else 0.0

    @property
    def coverage(self) -> float:
        """The share of intervals that held the truth."""
        return self.covered / self.intervals


def found_as_json(found: Found) -> dict[str, Any]:
    """Return what was found as a JSON object."""
    rate, low, high = found.false_rate
    return asdict(found) | {
        "false_rate": {"value": rate, "low": low, "high": high},
        "power": found.power,
        "coverage": found.coverage,
    }


def simulated_loop(scenario: Scenario, rng: np.random.Generator) -> tuple[list[Trajectory], np.ndarray]:
    """Return a loop's rows up to its last generation, and their true Δ by generation [G, rows]."""
    s = scenario
    k, g, r = s.num_baselines, s.num_generations, s.num_rows
    flips = _correlated(rng, (k + g, r), s.correlation)
    trained = s.ratio * _correlated(rng, (k + g, r), s.correlation)
    way = np.arange(1, g + 1) / g if s.shape == "linear" else np.ones(g)
    truth = np.zeros((g, r))
    truth[:, : round(SHARE * r)] = s.shift * np.sqrt(1 + s.ratio**2) * way[:, None]
    values = flips + trained
    values[k:] += truth
    shared = rng.standard_normal((1, r, s.num_resamples))  # items are easy or hard for all models
    resampled = values[:, :, None] + shared + rng.standard_normal((k + g, r, s.num_resamples))
    steps = range(1, g + 1)
    rows = [
        Trajectory(
            values[:k, i], resampled[:k, i], steps, values[k:, i], resampled[k:, i],
            is_bias=False, has_model=True,
        )
        for i in range(r)
    ]  # fmt: skip
    return rows, truth


def _correlated(rng: np.random.Generator, shape: tuple[int, int], correlation: float) -> np.ndarray:
    common, own = rng.standard_normal((shape[0], 1)), rng.standard_normal(shape)
    noise: np.ndarray = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    return noise


def up_to(row: Trajectory, generation: int) -> Trajectory:
    """Return a simulated row as a report of that generation sees it."""
    return Trajectory(
        row.baselines, row.baseline_replicates, row.steps[:generation], row.values[:generation],
        row.replicates[:generation], row.is_bias, row.has_model,
    )  # fmt: skip


def simulate(scenario: Scenario, num_loops: int, seed: int = 0, judge: Judge = drifts) -> Found:
    """Return what the verdicts say over loops: without a shift in every generation, with one in the last."""
    rng = np.random.default_rng([seed, round(100 * scenario.ratio), round(100 * scenario.correlation)])
    generations = false = trends = shifted = found = moving = intervals = covered = 0
    discoveries = []
    for _ in range(num_loops):
        rows, truth = simulated_loop(scenario, rng)
        hit = truth[-1] != 0
        for g in range(1, scenario.num_generations + 1) if not hit.any() else [scenario.num_generations]:
            judged = judge([up_to(row, g) for row in rows])
            said = np.array([d is not None and d.verdict != NO_EVIDENCE for d in judged])
            moves = np.array([bool(d and d.trend and d.trend.verdict != NO_EVIDENCE) for d in judged])
            rose = np.array([d is not None and d.verdict == "rose" for d in judged])  # as every shift is up
            rises = np.array([bool(d and d.trend and d.trend.verdict == "rising") for d in judged])
            generations, intervals = generations + 1, intervals + len(rows)
            false, trends = false + bool(said[~hit].any()), trends + bool(moves[~hit].any())
            true = truth[max(g - 2, 0) : g].mean(0)
            covered += sum(d.low <= t <= d.high for d, t in zip(judged, true, strict=True) if d is not None)
            shifted, found, moving = shifted + hit.sum(), found + rose[hit].sum(), moving + rises[hit].sum()
            discoveries.append(said[~hit].sum() / max(said.sum(), 1))
    return Found(
        scenario, generations, false, trends, int(shifted), int(found), int(moving),
        float(np.mean(discoveries)), intervals, int(covered),
    )  # fmt: skip


def scenarios() -> Iterator[Scenario]:
    """Yield what `loopsim calibrate` simulates: no shift, and both shapes of one, for each ratio and
    correlation.
    """
    for ratio, correlation in product(RATIOS, CORRELATIONS):
        yield Scenario(ratio, correlation)
        for shape in SHAPES:
            yield Scenario(ratio, correlation, SHIFT, shape)
