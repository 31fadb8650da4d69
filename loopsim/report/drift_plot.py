"""Drift as papers show it: a curve with its interval for each setting, as a vector picture or a table."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal

from loopsim.core.errors import ConfigError
from loopsim.core.files import write_atomically
from loopsim.core.packages import require_package
from loopsim.metrics.estimate import OVERALL
from loopsim.report.headlines import Pair
from loopsim.report.page.charts import HUES
from loopsim.report.page.series import Series
from loopsim.report.plain_words import number, row_in_words

WIDTHS: Final = {"column": 3.35, "page": 6.9}  # inches
FORMATS: Final = ("pdf", "svg", "png")
_MARKERS: Final = "os^DPv>X"
_ESCAPES: Final = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "Δ": r"$\Delta$", "α": r"$\alpha$",
}  # fmt: skip


def rows_named(series: Sequence[Series], names: Sequence[str]) -> list[Pair]:
    """Return the rows that are meant: "recall@1" is its overall value, "recall@1:gender gap" one group's.
    Raises ConfigError, with the nearest names, for what no series has measured.
    """
    known = list(dict.fromkeys(pair for one in series for pair in one.points))
    found = []
    for name in names:
        metric, _, group = name.partition(":")
        pair = (metric, group or OVERALL)
        if pair not in known:
            metrics = [m for m, _ in known]
            groups = [f"{m}:{g}" for m, g in known if m == metric]
            near = groups or get_close_matches(metric, sorted(set(metrics))) or sorted(set(metrics))
            raise ConfigError(f"--metric {name}: not measured; did you mean {', '.join(near[:6])}?")
        found.append(pair)
    return found


def save_plot(
    series: Sequence[Series], pairs: Sequence[Pair], path: Path, width: Literal["column", "page"] = "column"
) -> None:
    """Write the curves, a panel for each row, as the name's suffix says; fonts are embedded. Raises
    ConfigError: another suffix, matplotlib missing, a place that cannot be written.
    """
    if path.suffix.removeprefix(".") not in FORMATS:
        raise ConfigError(f"-o {path}: name a {', '.join('.' + kind for kind in FORMATS)} file")
    require_package("matplotlib", "plots", "a plot")
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import MaxNLocator

    columns = min(len(pairs), 1 if width == "column" else 3)
    rows = -(-len(pairs) // columns)
    settings: dict[Any, Any] = {
        "font.size": 7,
        "pdf.fonttype": 42,
        "svg.fonttype": "path",
        "text.parse_math": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(settings):
        size = (WIDTHS[width], rows * 1.75 + (0.35 if len(series) > 1 else 0))
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        for axis, pair in zip(axes.flat, pairs, strict=False):
            for place, one in enumerate(series):
                _curve(axis, one, pair, place)
            axis.set_title(row_in_words(*pair), fontsize=7, wrap=True)
            axis.set_xlabel("generation")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axis in axes.flat[len(pairs) :]:
            axis.set_visible(False)
        if len(series) > 1:
            handles, labels = axes.flat[0].get_legend_handles_labels()
            figure.legend(
                handles,
                labels,
                loc="outside lower center",
                ncols=1 if width == "column" else 2,
                frameon=False,
            )
        try:
            write_atomically(path, lambda place: figure.savefig(place, format=path.suffix[1:], dpi=300))
        except OSError as error:
            raise ConfigError(
                f"-o {path}: cannot be written ({error.strerror}); name another file"
            ) from error
        finally:
            plt.close(figure)


def _curve(axis: object, one: Series, pair: Pair, place: int) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axis, Axes)
    points = one.points.get(pair, [])
    hue, marker = HUES[place % len(HUES)], _MARKERS[place % len(_MARKERS)]
    banded = [point for point in points if point.low is not None and point.high is not None]
    axis.fill_between(
        [point.generation for point in banded],
        [point.low or 0.0 for point in banded],
        [point.high or 0.0 for point in banded],
        color=hue, alpha=0.18, linewidth=0,
    )  # fmt: skip
    axis.plot(
        [point.generation for point in points], [point.value for point in points],
        color=hue, marker=marker, markersize=3, linewidth=1.1, label=one.label,
    )  # fmt: skip


def latex_table(series: Sequence[Series], pairs: Sequence[Pair]) -> str:
    """Return the same numbers as a table for LaTeX's booktabs: a row for each measure and series, a column
    for each generation.
    """
    generations = sorted({p.generation for one in series for pair in pairs for p in one.points.get(pair, [])})
    head = " & ".join(
        ["measure", *(["run"] if len(series) > 1 else []), *(f"$g_{{{g}}}$" for g in generations)]
    )
    lines = [
        "% \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{l{'l' if len(series) > 1 else ''}{'r' * len(generations)}}}",
        "\\toprule",
        head + r" \\",
        "\\midrule",
        *_rows(series, pairs, generations),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _rows(series: Sequence[Series], pairs: Sequence[Pair], generations: Sequence[int]) -> Iterator[str]:
    for pair in pairs:
        for one in series:
            points = {point.generation: point for point in one.points.get(pair, [])}
            cells = [_escaped(row_in_words(*pair))] + ([_escaped(one.label)] if len(series) > 1 else [])
            for generation in generations:
                point = points.get(generation)
                if point is None:
                    cells.append("--")
                elif point.low is None or point.high is None:
                    cells.append(number(point.value))
                else:
                    cells.append(
                        f"{number(point.value)} {{\\scriptsize [{number(point.low)}, {number(point.high)}]}}"
                    )
            yield " & ".join(cells) + r" \\"


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)
