"""Targets: which share each group should have, of one attribute or of the intersections of several."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainValidator

from loopsim.core.errors import ConfigError
from loopsim.core.rng import numpy_generator
from loopsim.interventions.workshop import Prepared, Workshop

_FILE = "shares.json"
UNIFORM, REAL = "uniform", "real"
TOLERANCE = 1e-6
MOST_LABELLED = 10_000  # real pictures whose shares are the target "real"


def _target(value: Any) -> str | dict[str, float]:
    if isinstance(value, str) and value in (UNIFORM, REAL):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f'say "{UNIFORM}", "{REAL}", or give a table of shares, not {value!r}')
    for group, share in value.items():
        is_number = isinstance(share, int | float) and not isinstance(share, bool)
        if not is_number or not 0 <= share <= 1:
            raise ValueError(f"the share of {group!r} is {share!r}; give a number from 0 to 1")
    total = math.fsum(value.values())
    if abs(total - 1) > TOLERANCE:
        raise ValueError(f"the shares sum to {total:.6g}; they must sum to 1")
    return {str(group): float(value[group]) for group in sorted(value)}


# "uniform" over the groups that the classifier knows, "real" as it sees them in the training data, or a table
# of shares that sum to 1.
Target = Annotated[str | dict[str, float], PlainValidator(_target)]


def as_tuple(attribute: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return one attribute, or several, as several."""
    return (attribute,) if isinstance(attribute, str) else attribute


def group_of(labels: Mapping[str, str], attributes: Sequence[str]) -> str:
    """Return the group of a picture, "woman & darker"; "" if one of its attributes is not known."""
    values = [labels.get(attribute, "") for attribute in attributes]
    return " & ".join(values) if all(values) else ""


def groups_of(values: Mapping[str, Sequence[str]], attributes: Sequence[str]) -> list[str]:
    """Return every group of one attribute, or every intersection of several."""
    return [" & ".join(cell) for cell in product(*(values.get(attribute, ()) for attribute in attributes))]


def counts_to(shares: Mapping[str, float], num: int) -> dict[str, int]:
    """Return how many of `num` each group gets: in all `num`, the largest remainders rounded up."""
    total = math.fsum(shares.values())
    exact = {group: num * share / total for group, share in shares.items()} if total else {}
    counts = {group: math.floor(share) for group, share in exact.items()}
    by_remainder = sorted(exact, key=lambda group: (counts[group] - exact[group], group))
    for group in by_remainder[: num - sum(counts.values())]:
        counts[group] += 1
    return counts


def shares_in(labels: Iterable[Mapping[str, str]], attributes: Sequence[str]) -> dict[str, float]:
    """Return each group's share of the pictures whose group is known; empty if none is."""
    found = [group for one in labels if (group := group_of(one, attributes))]
    return {group: found.count(group) / len(found) for group in sorted(set(found))}


def real_shares(workshop: Workshop, attributes: Sequence[str]) -> dict[str, float]:
    """Return each group's share of the real training pictures (of so many at most, the same ones in every
    generation), as the pinned classifier sees them: what it mistakes in them, it mistakes in drawn ones.
    """
    real = workshop.real()
    if len(real) > MOST_LABELLED:
        order = numpy_generator(workshop.seed[0], "real shares").permutation(len(real))
        real = real.select(sorted(order[:MOST_LABELLED].tolist()))
    return shares_in(workshop.labels(real), attributes)


def real_shares_kept(workshop: Workshop, attributes: Sequence[str]) -> Prepared:
    """Return them as what an intervention learns: `read_shares` finds them in its folder."""
    shares = real_shares(workshop, attributes)
    text = json.dumps(shares, indent=2, sort_keys=True) + "\n"

    def write(folder: Path) -> None:
        (folder / _FILE).write_text(text)

    return Prepared(write, {f"real {group}": share for group, share in shares.items()})


def read_shares(folder: Path) -> dict[str, float]:
    """Return the shares that lie in a prepared folder."""
    found: dict[str, float] = json.loads((folder / _FILE).read_text())
    return found


def require_known(
    attributes: Sequence[str], target: str | Mapping[str, float], labels: Mapping[str, Sequence[str]]
) -> None:
    """Raise ConfigError unless the classifier, which knows `labels`, knows every attribute and every group of
    the target.
    """
    for attribute in attributes:
        if attribute not in labels:
            raise ConfigError(
                f"attribute {attribute!r}: the classifier does not know it; it knows {', '.join(labels)}"
            )
    known = groups_of(labels, attributes)
    for group in [] if isinstance(target, str) else target:
        if group not in known:
            raise ConfigError(
                f"target {group!r}: no group of {' & '.join(attributes)} that the classifier knows; it knows "
                f"{', '.join(known)}"
            )
