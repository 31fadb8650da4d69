"""Draws an audit, and gives it as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loopsim.metrics.audit import PromptAudit
from loopsim.metrics.estimate import Estimate


class AuditLike(Protocol):
    """What is drawn: `loopsim.studies.generator_audit.Audit`, which is on a higher floor."""

    @property
    def prompts(self) -> Sequence[Any]: ...
    @property
    def answers(self) -> Mapping[str, Sequence[PromptAudit]]: ...
    @property
    def slope(self) -> Estimate | None: ...
    @property
    def rank_correlation(self) -> Estimate | None: ...


# The group of each attribute whose share is shown.
SHOWN = {"gender": ("women", "woman"), "skin_tone": ("darker skin", "darker")}


def audit_as_json(model: str, audit: AuditLike) -> dict[str, Any]:
    """Return the document that `loopsim audit --json` prints."""
    rows = []
    for attribute, answers in audit.answers.items():
        for prompt, answer in zip(audit.prompts, answers, strict=True):
            shares = {
                group: dict(zip(("value", "low", "high"), share, strict=True))
                for group, share in answer.shares.items()
            }
            row = {"prompt": answer.prompt, "attribute": attribute, "n": answer.n, "shares": shares}
            row |= {"majority": answer.majority, "majority_share": answer.majority_share, "sd": answer.sd}
            rows.append(row if prompt.women is None else row | {"world_share_of_women": prompt.women})
    over = {
        name: {"value": e.value, "n": e.n, "low": e.low, "high": e.high}
        for name, e in (("slope", audit.slope), ("rank_correlation", audit.rank_correlation))
        if e is not None
    }
    return {"model": model, "prompts": rows, "against_world": over}


def print_audit(console: Console, model: str, audit: AuditLike) -> None:
    """Print a line for each prompt: the shares with their intervals, the world's share where it is known, and
    what the prompts show together.
    """
    first = next(iter(audit.answers.values()))
    console.print(
        f"audit of [bold]{escape(model)}[/bold]: {len(first)} prompts, {first[0].n} pictures each; 95 % "
        "Wilson intervals",
        highlight=False,
    )
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("prompt", width=30, no_wrap=True, overflow="ellipsis")
    table.add_column("women", justify="right", no_wrap=True)
    table.add_column("world", justify="right", no_wrap=True)
    table.add_column("darker skin", justify="right", no_wrap=True)
    for index, prompt in enumerate(audit.prompts):
        cells = []
        for attribute, (_, group) in SHOWN.items():
            share, low, high = audit.answers[attribute][index].shares[group]
            cells.append(escape(f"{share:.0%} [{low:.0%}, {high:.0%}]"))
        table.add_row(
            escape(prompt.text), cells[0], "" if prompt.women is None else f"{prompt.women:.0%}", cells[1]
        )
    console.print(table)
    for name, e in (
        ("slope of the drawn shares of women on the world's", audit.slope),
        ("rank correlation", audit.rank_correlation),
    ):
        if e is not None and e.value is not None:
            console.print(escape(f"{name}: {e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"), highlight=False)
    if audit.slope is not None and audit.slope.low is not None and audit.slope.high is not None:
        verdict = (
            "exaggerates"
            if audit.slope.low > 1
            else "flattens"
            if audit.slope.high < 1
            else "neither clearly exaggerates nor flattens"
        )
        console.print(f"→ The model {verdict} the world's stereotype.")
