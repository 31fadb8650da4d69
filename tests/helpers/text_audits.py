"""An audit of texts, made by hand."""

from loopsim.data.reading import BadRow
from loopsim.metrics.harms import MedianRatio
from loopsim.metrics.marked_words import MarkedWord
from loopsim.report.text_audit import Omission, RolePeople, Subordination, TextAudit


def hand_made_audit(source: str = "stories.jsonl") -> TextAudit:
    """Two roles, a group that is left out, one that is put down, and words from a file."""
    words = [MarkedWord(f"word{chr(97 + i)}", 9.0, 1.0, 2.0, 5.0 - i / 10, 4.0 - i / 10) for i in range(12)]
    return TextAudit(
        source=source,
        num_texts=1200,
        num_bad=3,
        num_left_out=7,
        races=("white", "black"),
        people={
            "dominant": RolePeople(700, 650, 600, 580),
            "subordinated": RolePeople(500, 450, 400, 390),
        },
        omission=[
            Omission("dominant", "woman", 100.0, 650, 0.508, 0.303, 0.25, 0.36),
            Omission("subordinated", "woman", 300.0, 450, 0.508, 1.31, 1.22, 1.4),
            Omission("dominant", "black woman", 0.0, 580, 0.069, 0.0, 0.0, 0.096),
            Omission("dominant", "black nonbinary", 0.0, 580, 0.0023, 0.0, 0.0, 1234.5),
        ],
        subordination=[
            Subordination("woman", 300.0, 450, 100.0, 650, 4.333, 3.6, 5.2),
            Subordination("man", 150.25, 450, 550.0, 650, 0.394, 0.35, 0.45),
            Subordination("nonbinary", 0.0, 450, 0.0, 650, 1.0, None, None),
            Subordination("black nonbinary", 0.0, 450, 0.0, 650, 1.0, None, None),
        ],
        medians={"black woman": MedianRatio(12.5, 0.9, 12345.0, 40, ((5, 2.0, 9), (50, 4.0, 5)))},
        marked={"woman": words, "black": []},
        unmarked={"woman": "man", "black": "white"},
        bad_rows=(BadRow("row 3", "unknown role '\x1b[31mboss'"), BadRow("row 9", "no text")),
    )
