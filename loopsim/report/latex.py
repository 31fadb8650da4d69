"""Curves as a table for LaTeX (packages booktabs and, for accents, any UTF-8 engine)."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from loopsim.core.text import printable
from loopsim.metrics.estimate import LEVEL
from loopsim.report.curves import Curve, Panel
from loopsim.report.plain_words import number, signed

_ESCAPED: Final = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "α": r"$\alpha$",
} | {sign: f"\\{sign}" for sign in "&%$#_{}"}  # fmt: skip


def latex_table(panels: Sequence[Panel]) -> str:
    """Return a table with a line for each generation of each curve: value, Δ since the baseline, both with
    their intervals, and the verdict.
    """
    with_setting = len({curve.label for panel in panels for curve in panel.curves}) > 1
    head = ["Measure", *(["Setting"] if with_setting else []), "$g$", "Value", r"$\Delta$", "Verdict"]
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{tabular}{" + "l" * (1 + with_setting) + "rrrl}",
        r"\toprule",
        " & ".join(head) + r" \\",
    ]
    for panel in panels:
        lines.append(r"\midrule")
        for first, curve in enumerate(panel.curves):
            lines += _lines(panel.title if first == 0 else "", curve, with_setting=with_setting)
    lines += [r"\bottomrule", r"\end{tabular}", f"% in brackets: intervals, {LEVEL:.0%}"]
    return "\n".join(lines) + "\n"


def _lines(title: str, curve: Curve, *, with_setting: bool) -> Iterator[str]:
    for place, (point, moved) in enumerate(zip(curve.points, curve.moved, strict=True)):
        cells = [
            in_latex(title) if place == 0 else "",
            *([in_latex(curve.label) if place == 0 else ""] if with_setting else []),
            str(point.generation),
            _with_interval(number(point.value), _pair(point.low, point.high, signs=False)),
            "" if moved is None else _with_interval(signed(moved.delta), _pair(moved.low, moved.high)),
            "" if moved is None else in_latex(moved.verdict),
        ]
        yield " & ".join(cells) + r" \\"


def _pair(low: float | None, high: float | None, *, signs: bool = True) -> str | None:
    if low is None or high is None:
        return None
    told = signed if signs else number
    return f"[{told(low)}, {told(high)}]"


def _with_interval(value: str, interval: str | None) -> str:
    told = value if interval is None else f"{value} {interval}"
    return re.sub(r"-(?=[.\d])", "$-$", told)


def in_latex(text: str) -> str:
    """Return a text as LaTeX prints it: none of it is a command."""
    return "".join(_ESCAPED.get(sign, sign) for sign in printable(text))
