"""What the page says about its runs, beside what they measured."""

from collections.abc import Sequence

from loopsim.core.text import printable
from loopsim.metrics.drift import UNKNOWN
from loopsim.report.page.contents import RunContents
from loopsim.report.page.series import Series

ONE_RUN = (
    "One run speaks of itself: another seed of the whole loop makes other data. What holds of a setting "
    "takes several loops (loopsim sweep)."
)
GROUPS = (
    "Groups are what the pinned classifier sees, not how people describe themselves; what it confuses is "
    "corrected where its confusions were measured."
)
TRAINED_ONCE = (
    " Here models were trained once, so that what retraining with another seed does is not known: verdicts "
    "on models do not allow for it."
)


def title(runs: Sequence[RunContents]) -> str:
    """Return the page's title."""
    return f"Drift report: {runs[0].name if len(runs) == 1 else f'{len(runs)} runs'}"


def subtitle(runs: Sequence[RunContents], series: Sequence[Series]) -> str:
    """Return what the runs are, and whether they are finished."""
    last = max((one.generations[-1] for one in series if one.generations), default=0)
    told = [f"baseline and {last} generation{'' if last == 1 else 's'}"]
    if len(series) == 1:
        config = runs[0].config
        alpha = config.compose.alpha
        values = alpha if isinstance(alpha, tuple) else (alpha,)
        seeds = ", ".join(str(run.config.seed) for run in runs)
        told += [
            f"policy {printable(config.compose.policy)}",
            f"α = {', '.join(f'{value:g}' for value in values)}",
            f"seed{'s' if len(runs) > 1 else ''} {seeds}",
        ]
    unfinished = sum(not run.is_finished for run in runs)
    if unfinished and len(runs) == 1:
        told.append("not finished: running, or stopped")
    elif unfinished:
        told.append(f"{unfinished} of {len(runs)} runs are not finished")
    return "; ".join(told)


def caution(series: Sequence[Series]) -> str:
    """Return what the intervals are over."""
    if all(one.is_over_seeds for one in series):
        seeds = ", ".join(dict.fromkeys(str(len(one.runs)) for one in series))
        return f"Intervals are over {seeds} seeds: whole loops are the unit."
    if any(one.is_over_seeds for one in series):
        return "Intervals of a setting with several seeds are over whole loops; the others speak of one loop."
    return ONE_RUN


def limits(series: Sequence[Series]) -> str:
    """Return what the page cannot tell."""
    unsure = any(row.verdict == UNKNOWN for one in series for row in one.last)
    return GROUPS + (TRAINED_ONCE if unsure else "")


def made(run: RunContents) -> list[tuple[str, str]]:
    """Return on what and how far a run was made."""
    done = run.summary.generations[-1] if run.summary.generations else 0
    facts = [("seed", str(run.config.seed)), ("generations", f"{done} of {run.planned}")]
    if run.seal:
        facts.append(("seal of the last generation", run.seal))
    return facts + [
        (printable(name.replace("_", " ")), printable(str(value)))
        for name, value in run.machine.items()
        if not isinstance(value, dict | list)
    ]
