"""The page's charts, as Vega-Lite says them: pure functions from series to specifications.

Ink is `currentColor`, so that charts are dark on light and light on dark as the page is; hues are Okabe and
Ito's, which the colour-blind tell apart, and series differ in shape, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from loopsim.context.phase_names import PHASE_NAMES
from loopsim.metrics.drift import NO_EVIDENCE, UNKNOWN
from loopsim.metrics.reversal import REVERSED
from loopsim.report.answers import Moved
from loopsim.report.headlines import Pair
from loopsim.report.page.contents import RunContents
from loopsim.report.page.series import Series
from loopsim.report.plain_words import group_in_words, interval, number, row_in_words, signed, words_of

Spec = dict[str, Any]
SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
HUES: Final = ("#1F83C6", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#7F7F7F")
SHAPES: Final = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "cross",
    "triangle-down",
    "triangle-right",
    "stroke",
)
VERDICTS: Final = {
    "amplified": "#D55E00", "mitigated": "#009E73", REVERSED: "#E69F00",
    "rose": "#1F83C6", "fell": "#8C6BC8", NO_EVIDENCE: "#8A8A8A", UNKNOWN: "#BBBBBB",
}  # fmt: skip
GENERATION: Final[Spec] = {
    "field": "generation",
    "type": "quantitative",
    "title": "generation",
    "axis": {"tickMinStep": 1, "format": "d", "grid": False},
}


@final
@dataclass(frozen=True)
class Chart:
    """A chart with its name in the page, what stands above it, what a screen reader says, and whether a
    slider chooses its generation.
    """

    name: str
    title: str
    summary: str
    spec: Spec
    slides: bool = False


def _based(values: Sequence[Mapping[str, Any]], **spec: Any) -> Spec:
    return {"$schema": SCHEMA, "data": {"values": list(values)}, "width": "container", **spec}


def drift_chart(name: str, pair: Pair, series: Sequence[Series]) -> Chart | None:
    """Return a row's curve over the generations with its interval, a line for each series; None if none has
    two values.
    """
    known = [one for one in series if len(one.points.get(pair, ())) > 1]
    if not known:
        return None
    values = [
        {
            "generation": point.generation,
            "value": point.value,
            "low": point.low,
            "high": point.high,
            "series": one.label,
            "told": number(point.value)
            + (
                ""
                if point.low is None or point.high is None
                else f" [{number(point.low)}, {number(point.high)}]"
            ),
        }
        for one in known
        for point in one.points[pair]
    ]
    labels = [one.label for one in series]
    colour = {
        "field": "series",
        "type": "nominal",
        "scale": {"domain": labels, "range": list(HUES[: len(labels)])},
        "legend": None,
    }
    shape = {**colour, "scale": {"domain": labels, "range": list(SHAPES[: len(labels)])}}
    y = {"type": "quantitative", "title": None, "scale": {"zero": False}, "axis": {"tickCount": 4}}
    tooltip = [
        {"field": "series", "title": "run"},
        {"field": "generation", "title": "generation"},
        {"field": "told", "title": "value"},
    ]
    layers: list[Spec] = [
        {
            "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
            "mark": {"type": "area", "opacity": 0.18, "aria": False},
            "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "line", "aria": False},
            "encoding": {"y": {**y, "field": "value"}, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 40, "opacity": 1},
            "encoding": {"y": {**y, "field": "value"}, "color": colour, "shape": shape, "tooltip": tooltip},
        },
    ]
    spec = _based(values, height=110, encoding={"x": GENERATION}, layer=layers)
    told = "; ".join(
        f"{one.label}: {number(one.points[pair][0].value)} to {number(one.points[pair][-1].value)}"
        for one in known
    )
    return Chart(name, row_in_words(*pair), told, spec)


def forest_chart(name: str, series: Series, pairs: Sequence[Pair]) -> Chart | None:
    """Return Δ of each row in half-widths of its own interval, so that what is beyond ± 1 excludes zero; a
    slider chooses the generation.
    """
    wanted = {pair: place for place, pair in enumerate(pairs)}
    values = [
        _forest_row(row, generation, wanted[row.metric, row.group])
        for generation, rows in series.moved.items()
        for row in rows
        if (row.metric, row.group) in wanted and row.high > row.low
    ]
    if not values:
        return None
    last = max(value["generation"] for value in values)
    rows = len({value["row"] for value in values})
    y = {
        "field": "row",
        "type": "nominal",
        "sort": {"field": "place"},
        "title": None,
        "axis": {"labelLimit": 330},
    }
    colour = {
        "field": "verdict",
        "type": "nominal",
        "scale": {"domain": list(VERDICTS), "range": list(VERDICTS.values())},
        "legend": {"orient": "top", "title": None, "columns": 3},
    }
    x = {"type": "quantitative", "title": "Δ in half-widths of its 95 % interval"}
    tooltip = [{"field": key, "title": key} for key in ("row", "told", "verdict")]
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "strokeDash": [3, 3], "aria": False},
            "encoding": {"x": {"datum": 0, "type": "quantitative"}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2, "aria": False},
            "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
            "encoding": {"x": {**x, "field": "delta"}, "y": y, "color": colour, "tooltip": tooltip},
        },
    ]
    spec = _based(
        values,
        height=17 * rows,
        params=[{"name": "generation", "value": last}],
        transform=[{"filter": "datum.generation == generation"}],
        layer=layers,
    )
    told = f"{rows} rows; those whose interval excludes zero reach beyond one half-width"
    return Chart(name, f"What has moved: {series.label}", told, spec, slides=True)


def _forest_row(row: Moved, generation: int, place: int) -> dict[str, Any]:
    half = (row.high - row.low) / 2
    return {
        "generation": generation,
        "place": place,
        "row": row_in_words(row.metric, row.group),
        "delta": row.delta / half,
        "low": row.low / half,
        "high": row.high / half,
        "verdict": row.verdict,
        "told": f"Δ {signed(row.delta)} {interval(row.low, row.high)}",
    }


def heat_map(name: str, series: Series) -> Chart | None:
    """Return Δ at the last generation for each metric and single group, coloured by Δ in half-widths."""
    rows = [row for row in series.last if "=" in row.group and "&" not in row.group and row.high > row.low]
    metrics = [
        metric
        for metric in dict.fromkeys(row.metric for row in rows)
        if len({row.group for row in rows if row.metric == metric}) > 1
        and not metric.startswith("caption_marked")
    ]
    rows = [row for row in rows if row.metric in metrics and not row.group.startswith("profession=")]
    if not rows:
        return None
    values = [
        {
            "metric": words_of(row.metric).name,
            "group": group_in_words(row.group),
            "strength": max(-2.0, min(2.0, 2 * row.delta / (row.high - row.low))),
            "delta": signed(row.delta),
            "told": f"{number(row.first)} to {number(row.last)}, Δ {signed(row.delta)} "
            f"{interval(row.low, row.high)}",
            "verdict": row.verdict,
            "clear": row.verdict not in (NO_EVIDENCE, UNKNOWN),
        }
        for row in rows
    ]
    encoding = {
        "x": {
            "field": "group",
            "type": "nominal",
            "title": None,
            "sort": None,
            "axis": {"orient": "top", "labelAngle": -35},
        },
        "y": {"field": "metric", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 330}},
    }
    layers: list[Spec] = [
        {
            "mark": {"type": "rect", "tooltip": True},
            "encoding": {
                "color": {
                    "field": "strength",
                    "type": "quantitative",
                    "scale": {"domain": [-2, 0, 2], "range": ["#2166AC", "#F2F2F2", "#B35806"]},
                    "legend": None,
                },
                "tooltip": [{"field": key, "title": key} for key in ("metric", "group", "told", "verdict")],
            },
        },
        {
            "mark": {"type": "text", "fontSize": 10, "aria": False},
            "encoding": {
                "text": {"field": "delta"},
                "color": {
                    "condition": {"test": "abs(datum.strength) > 1.3", "value": "white"},
                    "value": "black",
                },
                "opacity": {"condition": {"test": "datum.clear", "value": 1}, "value": 0.65},
            },
        },
    ]
    spec = _based(
        values, height=19 * len({value["metric"] for value in values}), encoding=encoding, layer=layers
    )
    told = "blue cells fell, brown ones rose; the paler, the nearer to noise"
    return Chart(name, f"Δ by metric and group: {series.label}", told, spec)


def professions_chart(name: str, series: Series) -> Chart | None:
    """Return the share of women drawn for each profession beside the world's, at a generation that a slider
    chooses.
    """
    world = series.runs[0].world_women
    values: list[dict[str, Any]] = []
    for (metric, group), points in series.points.items():
        profession = group.removeprefix("profession=")
        if metric == "women_per_profession" and profession != group and profession in world:
            values += [
                {
                    "profession": profession,
                    "world": world[profession],
                    "generation": point.generation,
                    "women": point.value,
                    "told": number(point.value),
                    "of_world": number(world[profession]),
                }
                for point in points
            ]
    if not values:
        return None
    last = max(value["generation"] for value in values)
    y = {"field": "profession", "type": "nominal", "sort": {"field": "world"}, "title": None}
    x = {
        "type": "quantitative",
        "title": "share of women",
        "scale": {"domain": [0, 1]},
        "axis": {"format": ".0%"},
    }
    tooltip = [
        {"field": key, "title": title}
        for key, title in (("profession", "profession"), ("told", "drawn"), ("of_world", "world"))
    ]
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "opacity": 0.45, "aria": False},
            "encoding": {"x": {**x, "field": "world"}, "x2": {"field": "women"}, "y": y},
        },
        {
            "mark": {"type": "tick", "thickness": 2, "size": 13, "color": "currentColor"},
            "encoding": {"x": {**x, "field": "world"}, "y": y},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1, "color": HUES[1]},
            "encoding": {"x": {**x, "field": "women"}, "y": y, "tooltip": tooltip},
        },
    ]
    spec = _based(
        values,
        height=17 * len({value["profession"] for value in values}),
        params=[{"name": "generation", "value": last}],
        transform=[{"filter": "datum.generation == generation"}],
        layer=layers,
    )
    far = sum(abs(v["women"] - v["world"]) for v in values if v["generation"] == last) / max(
        1, sum(v["generation"] == last for v in values)
    )
    told = f"dots: drawn; ticks: the world's shares; at the last generation {number(far)} apart on average"
    return Chart(
        name, f"Women per profession, drawn and in the world: {series.label}", told, spec, slides=True
    )


def time_chart(name: str, run: RunContents) -> Chart | None:
    """Return where a run's time went, by generation and phase."""
    values = [
        {
            "generation": f"g{one.generation}",
            "phase": one.phase,
            "minutes": one.seconds / 60,
            "told": f"{one.seconds:,.1f} s",
        }
        for one in run.times
        if one.seconds > 0
    ]
    if not values:
        return None
    phases = [phase for phase in PHASE_NAMES if any(value["phase"] == phase for value in values)]
    others = [phase for phase in dict.fromkeys(value["phase"] for value in values) if phase not in phases]
    encoding = {
        "y": {"field": "generation", "type": "nominal", "title": None, "sort": None},
        "x": {"field": "minutes", "type": "quantitative", "title": "minutes"},
        "color": {
            "field": "phase",
            "type": "nominal",
            "scale": {"domain": [*phases, *others], "range": list(HUES)},
            "legend": {"orient": "top", "title": None, "columns": 4},
        },
        "tooltip": [
            {"field": key, "title": title}
            for key, title in (("generation", "generation"), ("phase", "phase"), ("told", "time"))
        ],
    }
    spec = _based(
        values,
        height=20 * len({value["generation"] for value in values}),
        mark={"type": "bar"},
        encoding=encoding,
    )
    total = sum(one.seconds for one in run.times) / 60
    return Chart(name, f"Where time went: {run.name}", f"{total:,.1f} minutes in all", spec)
