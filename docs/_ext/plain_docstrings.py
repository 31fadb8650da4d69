"""Docstrings are plain text with code between single backticks; this makes them what autodoc reads."""

import inspect
import re
from typing import Any

from pydantic import BaseModel
from sphinx.application import Sphinx

CODE = re.compile(r"(`[^`]+`)")
PAGE = re.compile(r"docs/([\w-]+)\.md")
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
    escaped = re.sub(r"([\\*|_])", r"\\\1", kept).replace("\0", "*").replace("\1", "*")
    return PAGE.sub(r":doc:`\1`", escaped)


def short_signature(signature: str | None, of: object) -> str | None:
    """Return a signature that can be read: a config's is its file of all settings, and of what a dataclass
    makes anew, and of a function, its name is told instead of its address.
    """
    if inspect.isclass(of) and issubclass(of, BaseModel):
        return ""
    if signature is None:
        return None
    return re.sub(r"<function (\w+)>", r"\1", signature.replace("<factory>", "{}"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Join Sphinx."""

    def process(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
        is_said_by_python = lines[:1] and lines[0].startswith("Alias for field number")
        lines[:] = [] if is_said_by_python else as_restructured_text(lines)

    def sign(
        app: Sphinx,
        what: str,
        name: str,
        obj: object,
        options: object,
        signature: str | None,
        returns: str | None,
    ) -> tuple[str | None, str | None]:
        return short_signature(signature, obj), returns

    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-process-signature", sign)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
