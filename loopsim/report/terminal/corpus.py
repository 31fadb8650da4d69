"""A corpus that was read through: counts, groups and bad rows."""

from rich.table import Table

from loopsim.core.text import printable
from loopsim.data.check import CorpusSummary
from loopsim.report.terminal.screen import Screen, marked


def print_corpus(console: Screen, summary: CorpusSummary) -> None:
    """Print what was counted in each split, what was skipped and why, and the manifest that freezes it."""
    table = Table(title="corpus", title_justify="left", box=None)
    for column in ("split", "images", "captions", "bad rows", "absent"):
        table.add_column(column, justify="left" if column == "split" else "right")
    for split in summary.splits:
        counts = (split.num_images, split.num_captions, split.num_bad, split.num_absent)
        table.add_row(split.split, *(f"{count:,}" for count in counts))
    console.print(table)
    for split in summary.splits:
        for attribute, values in split.groups.items():
            labelled = sum(values.values())
            parts = ", ".join(
                f"{printable(value)} {count:,} ({count / labelled:.1%})" for value, count in values.items()
            )
            unlabelled = split.num_images - labelled
            console.print(f"{split.split}, {printable(attribute)}: {parts}; unlabelled {unlabelled:,}")
    for split in summary.splits:
        for where, reason in split.bad_rows:
            console.print(marked("[yellow]skipped[/yellow] {}, {}: {}", split.split, where, reason))
        if split.num_bad > len(split.bad_rows):
            console.print(f"… and {split.num_bad - len(split.bad_rows):,} more in {split.split}")
    console.print(f"manifest {printable(summary.manifest)}", soft_wrap=True)
    console.print(f"hash {summary.hash} ({summary.state})")
