"""Text from data, made safe for a terminal."""


def plain(text: str) -> str:
    """Return a text without control characters, each replaced by "\\ufffd": no escape sequence of a corpus
    reaches the terminal.
    """
    return "".join(
        character if character.isprintable() or character == " " else "\ufffd" for character in text
    )
