"""Docstrings are plain text with code between single backticks; this makes them what autodoc reads."""

import re
from typing import Any

from sphinx.application import Sphinx

CODE = re.compile(r"(`[^`]+`)")
EMPHASIS = re.compile(r"(?<![\w*])\*(\w[\w ,-]*)\*(?![\w*])")


def as_restructured_text(lines: list[str]) -> list[str]:
    """Return a docstring's lines with code as literals, indented paragraphs (formulas, examples) word for
    word, and whatever else reStructuredText would take for a sign of its own as it stands.
    """
    found: list[str] = []
    for paragraph in "\n".join(lines).split("\n\n"):
        inside = [line for line in paragraph.split("\n") if line.strip()]
        if inside and all(line.startswith("    ") for line in inside):
            found += ["::", "", *inside, ""]
        else:
            found += ["".join(map(_part, CODE.split(paragraph))), ""]
    return "\n".join(found).split("\n")


def _part(text: str) -> str:
    if CODE.fullmatch(text):
        return f"`{text}`"
    kept = EMPHASIS.sub("\0\\1\1", text)
    return re.sub(r"([\\*|_])", r"\\\1", kept).replace("\0", "*").replace("\1", "*")


def setup(app: Sphinx) -> dict[str, Any]:
    """Join Sphinx."""

    def process(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
        lines[:] = as_restructured_text(lines)

    app.connect("autodoc-process-docstring", process)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
