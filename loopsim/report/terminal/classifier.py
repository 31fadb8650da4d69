"""A classifier's card in the terminal: how often each group was seen as which."""

from rich.table import Table

from loopsim.core.text import printable
from loopsim.report.classifier import ClassifierCard
from loopsim.report.terminal.screen import Screen, marked

MOST_COLUMNS = 5  # of a matrix that fits 80 columns; of larger ones the worst groups are listed
MOST_ROWS = 8


def print_card(console: Screen, card: ClassifierCard) -> None:
    """Print what it was compared with, and a table for each attribute."""
    console.print(marked("classifier of [bold]{}[/bold]: {}", card.title, card.kind))
    console.print(card.compared_with, soft_wrap=True)
    for attribute, names in card.values.items():
        confusion = card.confusion.get(attribute)
        n = "" if confusion is None else f", n = {confusion.n:,}"
        console.print(marked("\n[bold]{}[/bold]: {} groups{}", attribute, len(names), n))
        if confusion is not None:
            _print_recalls(console, card, attribute)
        else:
            console.print(printable(", ".join(names)), soft_wrap=True)
        if told := card.abstention(attribute):
            console.print(told)
        console.print(f"→ {card.standing(attribute)}")


def _print_recalls(console: Screen, card: ClassifierCard, attribute: str) -> None:
    names, counts = card.values[attribute], card.confusion[attribute].seen
    abstains = card.confusion[attribute].abstained is not None
    whole = len(names) + abstains <= MOST_COLUMNS
    rows = list(enumerate(card.recalls(attribute)))
    if not whole:
        rows.sort(key=lambda row: row[1].right / row[1].n)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("true", no_wrap=True)
    for name in names if whole else ():
        table.add_column(f"seen as\n{printable(name)}", justify="right")
    if abstains:
        table.add_column("no\nlabel", justify="right", no_wrap=True)
    table.add_column("right", justify="right", no_wrap=True)
    if not whole:
        table.add_column("n", justify="right", no_wrap=True)
        table.add_column("else taken for")
    for true, row in rows[: len(rows) if whole else MOST_ROWS]:
        right = f"{row.right / row.n:.1%} [{row.low:.1%}, {row.high:.1%}]"
        seen = [f"{counts[i][true]:,}" for i in range(len(names))] if whole else []
        without = [f"{row.unlabelled:,}"] if abstains else []
        more = [] if whole else [f"{row.n:,}", printable(row.taken_for) or "-"]
        table.add_row(printable(row.group), *seen, *without, right, *more)
    console.print(table)
    if not whole and len(rows) > MOST_ROWS:
        console.print(f"… and {len(rows) - MOST_ROWS} more, each at least as often right (all: --json)")
