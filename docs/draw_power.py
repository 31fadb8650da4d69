"""Draw `docs/images/power.svg`: what verdicts find, by the size of a shift, before and after moderation.

`python docs/draw_power.py` (some ten minutes). Before: each row by itself, Student's with two degrees of
freedom, and the items' noise counted twice.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

from loopsim.metrics.drift import Drift, Trajectory, drifts, with_verdicts
from loopsim.studies.verdict_simulation import Scenario, simulate

SHIFTS = (1, 2, 3, 4, 5, 6, 8)
LOOPS = 12
COLOURS = {"before": "#888888", "after": "#1F83C6"}


def before(rows: Sequence[Trajectory]) -> list[Drift | None]:
    """Return the verdicts of each row by itself, at its last generation."""
    found = []
    for row in rows:
        k = len(row.baselines)
        delta = float(row.values[-1] - row.baselines.mean())
        moved = row.replicates[-1] - row.baseline_replicates.mean(0)
        trained, items = float(row.baselines.var(ddof=1) * (1 + 1 / k)), float(moved.var())
        freedom = (trained + items) ** 2 / (trained**2 / (k - 1))
        p_value = float(2 * stats.t.sf(abs(delta) / np.sqrt(trained + items), freedom))
        half = np.hypot(1.96 * np.sqrt(items), float(stats.t.ppf(0.975, k - 1)) * np.sqrt(trained))
        found.append(Drift(delta, delta - half, delta + half, p_value, None, row.is_bias))
    return list(with_verdicts(found))


def main() -> None:
    """Draw it."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    scenario = Scenario(2.0, 0.0)
    with mpl.rc_context({"svg.fonttype": "path", "font.size": 9, "svg.hashsalt": "power"}):
        figure = Figure(figsize=(7, 2.9))
        FigureCanvasSVG(figure)
        panels = figure.subplots(1, 2, sharey=True)
        for panel, shape in zip(panels, ("linear", "step"), strict=True):
            for name, judge in (("before", before), ("after", drifts)):
                power = [
                    simulate(replace(scenario, shift=float(s), shape=shape), LOOPS, judge=judge).power
                    for s in SHIFTS
                ]
                print(shape, name, [round(one, 2) for one in power])
                panel.plot(SHIFTS, power, marker="o", markersize=3, color=COLOURS[name], label=name)
            panel.set_title({"linear": "a line over five generations", "step": "a step at the first"}[shape])
            panel.set_xlabel("shift, in standard deviations of a training")
            panel.grid(linewidth=0.3, alpha=0.6)
        panels[0].set_ylabel("share of shifts found")
        panels[1].legend(frameon=False)
        figure.tight_layout()
        figure.savefig(Path(__file__).parent / "images" / "power.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
