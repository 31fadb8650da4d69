"""Text as it may be shown: without what steers a terminal, and in words where the output lacks a letter."""

import codecs

# What stands for our own signs where an output's encoding (ASCII, Latin-1) lacks them. The blocks of a small
# graph keep their width.
WORDS = {
    "α": "alpha", "γ": "gamma", "Δ": "delta", "ε": "epsilon", "±": "+-", "×": "x", "−": "-", "–": "-",
    "—": "-", "→": "->", "≤": "<=", "≥": ">=", "…": "...", "·": ".", "•": "*", "’": "'", "“": '"',
    "”": '"', "§": "section ", "\ufffd": "?", "↗": "/", "↘": "\\",
} | dict(zip("▁▂▃▄▅▆▇█", "_,-:=+*#", strict=True))  # fmt: skip
IN_WORDS = "loopsim.in_words"  # the name under which streams and `encode` know the handler below


def printable(text: str) -> str:
    """Return a text as one line without control characters: no escape sequence of a corpus reaches the
    terminal.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def printable_lines(text: str) -> str:
    """Return a text of several lines without any other control character."""
    return "\n".join(map(printable, text.split("\n")))


def spelled(text: str, encoding: str) -> str:
    """Return a text as an encoding can tell it: `WORDS` for our own signs, `\\u4e2d` for other letters."""
    return text.encode(encoding, IN_WORDS).decode(encoding)


def _in_words(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    words = (WORDS.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lacking)
    return "".join(words), error.end


codecs.register_error(IN_WORDS, _in_words)
