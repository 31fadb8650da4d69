"""What acts against the drift: which interventions take part, each with the settings that its kind knows."""

import math
from typing import Any, final

from pydantic import ConfigDict, JsonValue, model_validator

from loopsim.config.base import Section


@final
class InterventionConfig(Section):
    """One intervention: its `kind`, loopsim's own or an installed package's, and that kind's settings.

    The settings (`model_extra`) are kept as they were written; the kind checks them when a run is created.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    kind: str

    @model_validator(mode="before")
    @classmethod
    def _plain_and_sorted(cls, tree: Any) -> Any:
        return _plain(tree, "") if isinstance(tree, dict) else tree


def _plain(value: Any, key: str) -> Any:
    # A run stores its config as JSON with sorted keys: what would come back from there as something else (a
    # date, an infinite number) is refused, and the order is the same before and after.
    match value:
        case dict():
            return {name: _plain(value[name], f"{key}.{name}".lstrip(".")) for name in sorted(value)}
        case list() | tuple():
            return [_plain(item, key) for item in value]
        case bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
    raise ValueError(
        f"{key} = {value}: write a text, a finite number, true or false, or lists and tables of them"
    )
