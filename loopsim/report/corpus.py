"""What `loopsim data check` shows of a corpus."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loopsim.data.check import CorpusSummary
from loopsim.report.safe_text import plain


def corpus_as_json(summary: CorpusSummary) -> dict[str, Any]:
    """Return a summary as a JSON document."""
    return asdict(summary)


def print_corpus(console: Console, summary: CorpusSummary) -> None:
    """Print counts, groups and bad rows."""
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
                f"{escape(plain(value))} {count:,} ({count / labelled:.1%})"
                for value, count in values.items()
            )
            console.print(
                f"{split.split}, {escape(plain(attribute))}: {parts}; unlabelled "
                f"{split.num_images - labelled:,}",
                highlight=False,
            )
    for split in summary.splits:
        for where, reason in split.bad_rows:
            console.print(
                f"[yellow]skipped[/yellow] {split.split}, {escape(plain(where))}: {escape(plain(reason))}",
                highlight=False,
            )
        if split.num_bad > len(split.bad_rows):
            console.print(f"… and {split.num_bad - len(split.bad_rows):,} more in {split.split}")
    console.print(f"manifest {escape(summary.manifest)}", soft_wrap=True, highlight=False)
    console.print(f"hash {summary.hash} ({summary.state})", highlight=False)
