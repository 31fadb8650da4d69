"""A corpus that was read through: counts, groups and bad rows."""

from rich.console import Console
from rich.table import Table

from loopsim.data.check import CorpusSummary
from loopsim.report.safe_text import safe


def print_corpus(console: Console, summary: CorpusSummary) -> None:
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
                f"{safe(value)} {count:,} ({count / labelled:.1%})" for value, count in values.items()
            )
            unlabelled = split.num_images - labelled
            console.print(
                f"{split.split}, {safe(attribute)}: {parts}; unlabelled {unlabelled:,}", highlight=False
            )
    for split in summary.splits:
        for where, reason in split.bad_rows:
            line = f"[yellow]skipped[/yellow] {split.split}, {safe(where)}: {safe(reason)}"
            console.print(line, highlight=False)
        if split.num_bad > len(split.bad_rows):
            console.print(f"… and {split.num_bad - len(split.bad_rows):,} more in {split.split}")
    console.print(f"manifest {safe(summary.manifest)}", soft_wrap=True, highlight=False)
    console.print(f"hash {summary.hash} ({summary.state})", highlight=False)
