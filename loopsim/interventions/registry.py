"""The interventions that a config may name, and those that one config does name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from pydantic import ValidationError

from loopsim.config import Config, InterventionConfig
from loopsim.core.choices import Choices
from loopsim.core.errors import ConfigError
from loopsim.interventions.base import Intervention

INTERVENTIONS: Choices[type[Intervention]] = Choices.of_classes(
    "interventions.kind", Intervention, "loopsim.interventions", "loopsim.interventions"
)


@final
@dataclass(frozen=True)
class Acting:
    """An intervention of a config as it stands for one generation, and its place in the config."""

    number: int
    intervention: Intervention

    @property
    def label(self) -> str:
        """What names it among a config's interventions."""
        return f"{self.intervention.name}[{self.number}]"


def acting(entries: Sequence[InterventionConfig], generation: int) -> tuple[Acting, ...]:
    """Return the interventions that take part in making D_g and S_g, g = `generation`, in the config's order.

    Raises ConfigError as `build` does.
    """
    return tuple(
        Acting(number, _build(number, entry).at(generation))
        for number, entry in enumerate(entries)
        if entry.acts_at(generation)
    )


def prepares(entries: Sequence[InterventionConfig], generation: int) -> bool:
    """Return whether one of them learns something before S_g is drawn; of one that is not installed, or not
    as it was, nobody knows.
    """
    try:
        return any(one.intervention.prepares() for one in acting(entries, generation))
    except ConfigError:
        return False


def build(entries: Sequence[InterventionConfig]) -> tuple[Intervention, ...]:
    """Return the interventions of a config, in its order.

    Raises ConfigError, naming the entry and its key, for an unknown kind or a setting that it cannot have.
    """
    return tuple(_build(number, entry) for number, entry in enumerate(entries))


def check(config: Config, labels: Mapping[str, Sequence[str]]) -> None:
    """Ask each of a config's interventions whether it can do its work there; `labels` are the
    values that the pinned classifier knows, by attribute. Raises ConfigError, naming the entry.
    """
    for number, intervention in enumerate(build(config.interventions)):
        try:
            intervention.check(config, labels)
        except ConfigError as error:
            raise ConfigError(f"interventions[{number}] ({intervention.name}): {error}") from error


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
