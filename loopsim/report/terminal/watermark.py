"""Watermarks that were read: a line for each kind of pictures, attack and group."""

from rich.table import Table

from loopsim.core.text import printable
from loopsim.report.terminal.screen import Screen, marked
from loopsim.report.watermark import OVERALL, RATES, Interval, WatermarkReport

KINDS = {
    "marked": "marked",
    "unmarked": "S_g, not marked",
    "real": "real",
    "drawn": "drawn unmarked",
    "next": "next model's",
}


def print_watermark(console: Screen, report: WatermarkReport) -> None:
    """Print how well marks are read, and how often there are none."""
    needed = [(rate, report.needed(rate)) for rate in RATES]
    console.print(
        marked(
            "watermarks of [bold]{}[/bold], S_{}: {} bits, {} keystreams, read with {}",
            report.title,
            report.generation,
            report.num_bits,
            report.num_keystreams,
            report.model,
        )
    )
    for rate, share in needed:
        text = "no picture can be found" if share is None else f"found where {share:.1%} of bits are right"
        console.print(f"at a rate of false ones of {rate:g}: {text}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("pictures", "n", "bits right", *(f"found at {rate:g}" for rate in RATES)):
        table.add_column(name, justify="left" if name == "pictures" else "right", no_wrap=True)
    for row in report.readings:
        whole = f"{KINDS[row.pictures]} {row.attack}"
        table.add_row(
            whole if row.group == OVERALL else "  " + printable(row.group.partition("=")[2]),
            f"{row.n:,}",
            _accuracy(row.accuracy),
            *(_percent(row.found[rate]) for rate in RATES),
        )
    console.print(table)
    for note in report.notes:
        console.print(marked("{}", note))


def _accuracy(found: Interval) -> str:
    value, low, high = found
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _percent(share: Interval) -> str:
    value, low, high = (_two_digits(100 * part) for part in share)
    return f"{value}% [{low}, {high}]"


def _two_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.2g}"
