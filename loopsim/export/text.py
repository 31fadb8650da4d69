"""Text as other programs take it: whole Unicode, no formula, no markup of a card."""

import json
import re
from typing import Final

from loopsim.core.text import printable

# What a spreadsheet takes for a formula, with the wide forms that some of them read alike (OWASP, "CSV
# Injection").
_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")


def unicode_text(text: str) -> str:
    """Return a text that UTF-8 can hold: halves of surrogate pairs become U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def neutralised(text: str) -> str:
    """Return a text for a spreadsheet's cell: what would be a formula has an apostrophe before it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def in_markdown(text: str) -> str:
    """Return a text for a card: on one line, and nothing in it is markup."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&$])", r"\\\1", printable(text))


def in_yaml(value: object) -> str:
    """Return a value for a card's YAML header: JSON, which YAML includes."""
    return json.dumps(printable(value) if isinstance(value, str) else value, ensure_ascii=False)
