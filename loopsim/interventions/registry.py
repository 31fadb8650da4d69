"""The interventions that a config may name, and those that one config does name."""

from collections.abc import Sequence

from pydantic import ValidationError

from loopsim.config import InterventionConfig
from loopsim.core.choices import Choices
from loopsim.core.errors import ConfigError
from loopsim.interventions.base import Intervention

INTERVENTIONS: Choices[type[Intervention]] = Choices.of_classes(
    "interventions.kind", Intervention, "loopsim.interventions", "loopsim.interventions"
)


def build(entries: Sequence[InterventionConfig]) -> tuple[Intervention, ...]:
    """Return the interventions of a config, in its order.

    Raises ConfigError, naming the entry and its key, for an unknown kind or a setting that it cannot have.
    """
    return tuple(_build(number, entry) for number, entry in enumerate(entries))


def _build(number: int, entry: InterventionConfig) -> Intervention:
    kind = INTERVENTIONS.get(entry.kind, f"interventions[{number}].kind")
    try:
        return kind.model_validate(entry.model_extra or {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(["interventions[" + str(number) + "]", *map(str, first["loc"])])
        known = ", ".join(kind.model_fields)
        hint = f"; {entry.kind} knows {known}" if first["type"] == "extra_forbidden" else ""
        raise ConfigError(f"{key}: {first['msg'][:1].lower()}{first['msg'][1:]}{hint}") from error
