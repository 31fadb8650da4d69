"""A corpus that was read through: counts, groups, bad rows, and what makes its numbers doubtful."""

from rich.table import Table

from loopsim.core.text import printable
from loopsim.data.check import CorpusSummary, SplitSummary
from loopsim.data.overlap import Overlap
from loopsim.report.terminal.screen import Screen, marked


def print_corpus(console: Screen, summary: CorpusSummary) -> None:
    """Print what was counted in each split, what was skipped and why, labels that disagree, held-out pictures
    that are in train, too, and the manifest that freezes it all.
    """
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
        _print_rows(console, split)
    for overlap in summary.overlaps:
        _print_overlap(console, overlap)
    console.print(f"manifest {printable(summary.manifest)}", soft_wrap=True)
    console.print(f"hash {summary.hash} ({summary.state})")


def _print_rows(console: Screen, split: SplitSummary) -> None:
    for where, reason in split.bad_rows:
        console.print(marked("[yellow]skipped[/yellow] {}, {}: {}", split.split, where, reason))
    _print_left(console, split.num_bad - len(split.bad_rows), split.split)
    for one in split.disagreements:
        values = " and ".join(one.values)
        console.print(
            marked(
                "[yellow]rows disagree[/yellow] {}, {}: {} is {}, and counts for none of them",
                split.split,
                one.key,
                one.attribute,
                values,
            )
        )
    _print_left(console, split.num_disagreements - len(split.disagreements), split.split)


def _print_left(console: Screen, num: int, split: str) -> None:
    if num > 0:
        console.print(f"… and {num:,} more in {split}")


def _print_overlap(console: Screen, overlap: Overlap) -> None:
    num = overlap.num_exact + overlap.num_near
    if num:
        console.print(
            marked(
                "[yellow]warning[/yellow] pictures of {} that are in train, too: {} of {} ({}; exact copies "
                "{}, near-duplicates {}). What is measured on them is not held out: keep each in one of the "
                "two",
                overlap.split,
                f"{num:,}",
                f"{overlap.num_images:,}",
                f"{num / overlap.num_images:.1%}",
                f"{overlap.num_exact:,}",
                f"{overlap.num_near:,}",
            )
        )
    for one in overlap.examples:
        how = "the same bytes" if one.is_exact else "it looks the same"
        console.print(marked("  {} is {} of train: {}", one.key, one.train_key, how))
    _print_left(console, num - len(overlap.examples), overlap.split)
    if overlap.num_plain:
        console.print(
            f"pictures of {overlap.split} that are too plain to be compared by their look: "
            f"{overlap.num_plain:,}"
        )
