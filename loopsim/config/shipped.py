"""The commented configs that come with loopsim."""

import re
from importlib import resources
from itertools import takewhile
from typing import Final

from loopsim.core.errors import ConfigError

_FOLDER: Final = resources.files("loopsim") / "assets" / "configs"


def shipped_configs() -> dict[str, str]:
    """Return what each is for, its first sentence, by name."""
    found = {}
    for file in sorted(_FOLDER.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            comments = takewhile(lambda line: line.strip("# "), file.read_text("utf-8").splitlines())
            text = " ".join(line.lstrip("# ") for line in comments)
            found[file.name.removesuffix(".toml")] = re.split(r"(?<=[.?]) (?=[A-Z`])", text)[0]
    return found


def shipped_config(name: str) -> str:
    """Return the text of one. Raises ConfigError, with those that there are."""
    known = shipped_configs()
    if name not in known:
        raise ConfigError(f"init {name}: there is no such config; there are {', '.join(known)}")
    return (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")
