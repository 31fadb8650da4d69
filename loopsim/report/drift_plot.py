"""Drift curves with their intervals, as a figure for a paper: fonts embedded, a column or a page wide."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from loopsim.core.files import write_atomically
from loopsim.core.output import refusals_told
from loopsim.report.curves import Curve, Panel
from loopsim.report.page.charts import HUES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Width = Literal["column", "page"]
INCHES: Final[dict[Width, float]] = {"column": 3.35, "page": 6.9}  # 85 and 175 mm, as journals ask
_ACROSS: Final[dict[Width, int]] = {"column": 1, "page": 3}
# The page's shapes (charts.SHAPES), as matplotlib calls them.
_MARKERS: Final = ("o", "s", "^", "D", "X", "v", ">", "P")
_DASHES: Final = ("-", "--", ":", "-.")
_STYLE: Final[Any] = {  # matplotlib types every key by itself
    "pdf.fonttype": 42,  # TrueType: text stays text, and publishers take it
    "svg.fonttype": "path",
    "svg.hashsalt": "loopsim",
    "text.parse_math": False,  # a run's name may have dollars
    "font.size": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
}


def save_plot(panels: Sequence[Panel], path: Path, width: Width = "column", option: str = "-o") -> None:
    """Write the figure of at least one panel; `path` was looked at by `require_plots`. The same runs give the
    same bytes. Raises ConfigError, naming the command's option, if that cannot be.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kind = path.suffix.removeprefix(".").lower()
    undated: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the user's matplotlibrc says
        mpl.rcParams.update(_STYLE)
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        _draw(figure, panels, width)
        with refusals_told(path, option):
            write_atomically(
                path, lambda place: figure.savefig(place, format=kind, dpi=300, metadata=undated)
            )


def _draw(figure: "Figure", panels: Sequence[Panel], width: Width) -> None:
    across = min(_ACROSS[width], len(panels))
    down = -(-len(panels) // across)
    letters = int(INCHES[width] / across * 15.5)  # that fit over a panel, of this size
    titles = [textwrap.wrap(panel.title, letters) for panel in panels]
    labels = list(dict.fromkeys((one.label, one.number) for panel in panels for one in panel.curves))
    legend = len(labels) if len(labels) > 1 else 0
    height = down * (1.35 + 0.12 * max(map(len, titles))) + 0.16 * legend + 0.2
    figure.set_size_inches(INCHES[width], height)
    axes: Any = figure.subplots(down, across, squeeze=False)
    for number, panel in enumerate(panels):
        axis = axes.flat[number]
        for curve in panel.curves:
            _draw_curve(axis, curve)
        _finish(axis, "\n".join(titles[number]), is_lowest=number + across >= len(panels))
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    if legend:
        _add_legend(figure, labels, int(INCHES[width] * 16))


def _look(number: int) -> dict[str, Any]:
    turn, place = divmod(number, len(HUES))
    return {"color": HUES[place], "marker": _MARKERS[place], "linestyle": _DASHES[turn % len(_DASHES)]}


def _draw_curve(axis: "Axes", curve: Curve) -> None:
    look = _look(curve.number)
    known = [
        (point.generation, point.low, point.high)
        for point in curve.points
        if point.low is not None and point.high is not None
    ]
    if known:
        generations, low, high = zip(*known, strict=True)
        axis.fill_between(generations, low, high, color=look["color"], alpha=0.15, linewidth=0)
        axis.vlines(generations, low, high, color=look["color"], linewidth=0.7, alpha=0.8)
    axis.plot(
        [point.generation for point in curve.points],
        [point.value for point in curve.points],
        **look,
        linewidth=1.1,
        markersize=3.2,
        markeredgewidth=0,
    )


def _finish(axis: "Axes", title: str, *, is_lowest: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_title(title, fontsize=7.5, loc="left")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axis.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axis.ticklabel_format(axis="y", useOffset=False)
    axis.grid(axis="y", linewidth=0.3, alpha=0.6)
    low, high = axis.get_ylim()
    if low < 0 < high:
        axis.axhline(0, color="black", linewidth=0.5, zorder=0.5)  # below the curves
    if is_lowest:
        axis.set_xlabel("generation")


def _add_legend(figure: "Figure", labels: Sequence[tuple[str, int]], letters: int) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], **_look(number), linewidth=1.1, markersize=3.2) for _, number in labels]
    told = [textwrap.fill(label, letters - 8) for label, _ in labels]
    columns = max(1, min(3, letters // (max(map(len, told)) + 8)))
    figure.legend(handles, told, loc="outside lower left", ncols=columns, frameon=False, fontsize=7)
