"""An audit of a generator: a line for each prompt, and what the prompts show together."""

from rich.table import Table

from loopsim.core.text import printable
from loopsim.metrics.audit import PromptAudit
from loopsim.metrics.estimate import Estimate
from loopsim.report.audit import Audit, Drawing, verdict
from loopsim.report.terminal.screen import Screen, marked

# Of these attributes one group's share is shown, under this title; of others the majority's; --json has all.
SHOWN = {"gender": ("women", "woman"), "skin_tone": ("darker skin", "darker")}

SAID = {
    "exaggerates": "exaggerates",
    "flattens": "flattens",
    "neither": "neither clearly exaggerates nor flattens",
}
NAMES = {"num_steps": "steps", "guidance": "guidance", "image_size": "size"}


def print_audit(console: Screen, model: str, audit: Audit) -> None:
    """Print how pictures were drawn, the shares with their intervals, the world's share where it is known,
    and what the slope says.
    """
    answers = next(iter(audit.answers.values()))
    console.print(
        marked(
            "audit of [bold]{}[/bold]: {} prompts, {} picture{} each; 95 % Wilson intervals",
            model,
            len(answers),
            answers[0].num_pictures,
            "" if answers[0].num_pictures == 1 else "s",
        )
    )
    _print_drawing(console, audit.drawing)
    console.print(_table(audit))
    for name, e in (
        ("slope of the drawn shares of women on the world's", audit.slope),
        ("rank correlation", audit.rank_correlation),
    ):
        if e.value is not None:
            interval = "" if e.low is None or e.high is None else f" [{e.low:.2f}, {e.high:.2f}]"
            console.print(f"{name}: {e.value:.2f}{interval}")
    word, reason = verdict(audit)
    console.print(f"→ The model {SAID[word]} the world's stereotype." if word else f"→ No verdict: {reason}.")
    if audit.alike:
        console.print(marked("how alike pictures look (mean cosine of pairs, encoder {}):", audit.encoder))
        console.print(_alike(audit))
    elif audit.encoder:
        console.print(marked("how alike pictures look: not available, {}", audit.encoder))


def _print_drawing(console: Screen, drawing: Drawing) -> None:
    console.print(
        marked(
            "drawn in {} steps, guidance {}, {} pixels; classifier: {}",
            drawing.num_steps,
            f"{drawing.guidance:g}",
            drawing.image_size,
            drawing.classifier,
        )
    )
    if drawing.pipelines_own:
        names = ", ".join(NAMES[name] for name in drawing.pipelines_own)
        console.print(f"the pipeline's own values, for nothing else was said: {names}")


def _alike(audit: Audit) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("group", no_wrap=True)
    for name in ("n", "within the group", "within a prompt and the group"):
        table.add_column(name, justify="right")
    for row in audit.alike:
        name, whole, within = row.group.partition("=")[2], row.within_group, row.within_prompt
        table.add_row(printable(name), f"{whole.n:,}", _estimate(whole), _estimate(within))
    return table


def _estimate(e: Estimate) -> str:
    if e.value is None or e.low is None or e.high is None:
        return f"not available: {e.reason}"
    return f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]"


def _table(audit: Audit) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("prompt", width=30, no_wrap=True, overflow="ellipsis")
    columns = []
    for attribute, answers in audit.answers.items():
        title, group = SHOWN.get(attribute, (attribute, None))
        table.add_column(printable(title), justify="right", no_wrap=True)
        columns.append([_share(answer, group) for answer in answers])
        if attribute == "gender":
            table.add_column("world", justify="right", no_wrap=True)
            columns.append(["" if p.women is None else f"{p.women:.0%}" for p in audit.prompts])
    for index, prompt in enumerate(audit.prompts):
        table.add_row(printable(prompt.text), *(printable(column[index]) for column in columns))
    return table


def _share(answer: PromptAudit, group: str | None) -> str:
    """Return a group's share with its interval; without one of that name the majority's, and whose; "nobody"
    where no picture shows one.
    """
    if not answer.shares:
        return "nobody"
    name = answer.majority if group is None or group not in answer.shares else group
    share, low, high = answer.shares[name]
    return f"{'' if name == group else name + ' '}{share:.0%} [{low:.0%}, {high:.0%}]"
