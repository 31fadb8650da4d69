"""Text from data, made safe to be shown."""

from rich.markup import escape


def printable(text: str) -> str:
    """Return a text without control characters: no escape sequence of a corpus reaches the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def safe(text: str) -> str:
    """Return a text that rich prints as it stands: printable, and none of it is markup."""
    return escape(printable(text))
