"""What a run's interventions did, in their own facts: what they learned, chose and could not fill."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from loopsim.context.phase_names import MAKES_NEXT
from loopsim.core.events import Fact
from loopsim.runs.schedule import entries_of
from loopsim.store.rows import ConfigRow, PhaseRow
from loopsim.store.store import Store


@final
@dataclass(frozen=True)
class InterventionReport:
    """One intervention of a run's config, or of what the run was before a fork.

    `label` names its kind and its place in the config; `settings` are those that were written (None: it is
    not in the config any more); `facts`: fact -> generation whose data it is about -> value.
    """

    label: str
    first: int
    last: int | None
    settings: Mapping[str, Any] | None
    facts: Mapping[str, Mapping[int, Fact]]

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "intervention": self.label,
            "from": self.first,
            "until": self.last,
            "settings": None if self.settings is None else dict(self.settings),
            "facts": [
                {"fact": name, "generation": generation, "value": value}
                for name, values in self.facts.items()
                for generation, value in values.items()
            ],
        }


def interventions_of(store: Store) -> list[InterventionReport]:
    """Return a run's interventions in the order of its config, then those of its past."""
    row, facts = store.get(ConfigRow), _facts(store)
    entries = entries_of(row.tree) if row is not None else ()
    labels = [f"{entry.kind}[{number}]" for number, entry in enumerate(entries)]
    found = [
        InterventionReport(label, entry.first, entry.last, entry.model_extra or {}, facts.pop(label, {}))
        for label, entry in zip(labels, entries, strict=True)
    ]
    return found + [InterventionReport(label, 1, None, None, mine) for label, mine in facts.items()]


def _facts(store: Store) -> dict[str, dict[str, dict[int, Fact]]]:
    """Return what phases told, by intervention, fact and generation."""
    found: dict[str, dict[str, dict[int, Fact]]] = {}
    for row in store.scan(PhaseRow):
        made_for = row.generation + 1 if row.phase in MAKES_NEXT else row.generation
        for name, value in row.facts.items():
            label, bracket, fact = name.partition("].")
            if bracket:
                found.setdefault(f"{label}]", {}).setdefault(fact, {})[made_for] = value
    return found
