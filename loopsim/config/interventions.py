"""What acts against the drift: which interventions take part, each with the settings that its kind knows."""

import math
from typing import Any, final

from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from loopsim.config.base import Section


@final
class InterventionConfig(Section):
    """One intervention: its `kind`, loopsim's own or an installed package's, and that kind's settings.

    It acts on D_g and S_g for g = `from` to `until`, both included (by default from the first to the last).
    The settings (`model_extra`) are kept as they were written; the kind checks them when a run is created.
    """

    model_config = ConfigDict(extra="allow", serialize_by_alias=True)
    __pydantic_extra__: dict[str, JsonValue]

    kind: str
    first: PositiveInt = Field(default=1, alias="from")
    last: PositiveInt | None = Field(default=None, alias="until")

    def acts_at(self, generation: int) -> bool:
        """Return whether it takes part in making the data of a generation."""
        return self.first <= generation and (self.last is None or generation <= self.last)

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> "InterventionConfig":
        if self.last is not None and self.last < self.first:
            raise ValueError(f"until = {self.last} is before from = {self.first}")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_usual(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A run keeps its config: one that says nothing of generations is kept as it always was.
        tree: dict[str, Any] = handler(self)
        usual = {"from": 1, "until": None}
        return {key: value for key, value in tree.items() if key not in usual or value != usual[key]}

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
