"""A forest plot of a study of remedies: effects with their intervals, an outcome a panel, an arm a line."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopsim.core.errors import ConfigError
from loopsim.core.files import write_atomically
from loopsim.core.output import refusals_told, require_place
from loopsim.core.packages import require_package
from loopsim.report.remedies import METHOD, OUTCOMES, Outcome, StudyReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = ("pdf", "png", "svg")
# Okabe and Ito's, told apart by the colour-blind; a verdict has its own marker, too.
_LOOKS = {
    "amplified": ("#D55E00", "^"),
    "mitigated": ("#009E73", "v"),
    "rose": ("#0072B2", "^"),
    "fell": ("#0072B2", "v"),
    "no evidence": ("#888888", "o"),
    "unknown": ("#BBBBBB", "o"),
}
_COLUMNS = 5


def require_plots(path: Path, option: str) -> None:
    """Raise ConfigError unless a plot can be written there: its suffix, and matplotlib."""
    if path.suffix.removeprefix(".").lower() not in SUFFIXES:
        raise ConfigError(f"{option} {path}: name a file that ends in .{', .'.join(SUFFIXES)}")
    require_place(path, option)
    require_package("matplotlib", "plots", option)


def save_forest(found: StudyReport, title: str, path: Path, option: str = "--plot") -> None:
    """Write the plot. Raises ConfigError, naming the command's option, if that cannot be."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    arms = [cost.arm for cost in found.costs][1:]
    num_rows = -(-len(OUTCOMES) // _COLUMNS)
    with mpl.rc_context({"svg.fonttype": "path", "pdf.fonttype": 42, "font.size": 8}):
        figure = Figure(figsize=(2.1 * _COLUMNS + 1.4, (0.19 * len(arms) + 0.9) * num_rows + 0.7))
        FigureCanvasAgg(figure)
        panels: Any = figure.subplots(num_rows, _COLUMNS, sharey=True, squeeze=False)
        for panel, one in zip(panels.flat, OUTCOMES, strict=False):
            _draw(panel, found, arms, one)
        for panel in panels.flat[len(OUTCOMES) :]:
            panel.set_visible(False)
        figure.suptitle(
            f"{title}: generation {found.generation} over {found.num_seeds} seeds, against no remedy", x=0.01,
            ha="left", fontsize=10,
        )  # fmt: skip
        figure.text(0.01, 0.005, METHOD + ". Shaded: the real data's share.", fontsize=6, color="#555555")
        figure.tight_layout(rect=(0, 0.02, 1, 0.98))
        kind = path.suffix.removeprefix(".").lower()
        with refusals_told(path, option):
            write_atomically(path, lambda place: figure.savefig(place, format=kind, dpi=150))


def _draw(panel: "Axes", found: StudyReport, arms: list[str], one: Outcome) -> None:
    rows = {row.arm: row for row in found.rows if row.outcome == one.name}
    without = rows[next(iter(rows))].value
    panel.axvline(0, color="black", linewidth=0.8)
    if one.name in found.real and without is not None:
        _, low, high = found.real[one.name]
        panel.axvspan(low - without, high - without, color="#F0E442", alpha=0.4, linewidth=0)
    for place, arm in enumerate(arms):
        effect = rows[arm].effect
        if effect is None:
            continue
        colour, marker = _LOOKS[effect.verdict]
        panel.plot([effect.low, effect.high], [place, place], color=colour, linewidth=1.2)
        panel.plot([effect.delta], [place], marker=marker, color=colour, markersize=4)
    panel.set_yticks(range(len(arms)), arms)
    panel.set_ylim(len(arms) - 0.4, -0.6)
    panel.set_title(f"{one.metric}\n{one.group}", fontsize=7)
    panel.tick_params(length=2, labelsize=7)
    panel.grid(axis="x", linewidth=0.3, alpha=0.6)
