"""What a filter of a pool took from whom, once the origin of its pictures is open."""

from collections.abc import Mapping, Sequence

import numpy as np

from loopsim.core.events import Fact
from loopsim.interventions.opened_pool import OpenedPool
from loopsim.interventions.target import shares_in
from loopsim.metrics.detection import flagged_share
from loopsim.metrics.estimate import OVERALL, Disaggregated, with_intersections

Labels = Sequence[Mapping[str, str]]


def told_of_filter(
    pool: OpenedPool, chosen: Sequence[int], labels: Labels, attributes: Sequence[str]
) -> dict[str, Fact]:
    """Return facts about a filter that left `chosen` of a pool, whose pictures' `labels` the pinned
    classifier gave: the share of synthetic pictures among what it dropped, what it dropped of synthetic
    and of real ones, by group and with intervals, and the shares of groups before and after.
    """
    is_real, dropped = np.array(pool.is_real, bool), np.ones(len(pool), bool)
    dropped[list(chosen)] = False
    facts: dict[str, Fact] = {"precision": float((~is_real[dropped]).mean()) if dropped.any() else None}
    for name, kind in (("synthetic dropped", ~is_real), ("real dropped", is_real)):
        of_kind = [one for one, there in zip(labels, kind, strict=True) if there]
        facts |= rates(name, by_group(dropped[kind], of_kind, attributes))
    return (
        facts
        | _shares("share before", labels, attributes)
        | _shares("share after", [labels[i] for i in chosen], attributes)
    )


def by_group(flagged: np.ndarray, labels: Labels, attributes: Sequence[str]) -> Disaggregated:
    """Return the share that is flagged (bool [n]), overall, by group and by the intersections of each two."""
    groups = {name: [one.get(name, "") for one in labels] for name in attributes}
    values = {name: sorted(set(groups[name]) - {""}) for name in attributes}
    return flagged_share(flagged, *with_intersections(groups, values))


def rates(name: str, found: Disaggregated) -> dict[str, Fact]:
    """Return shares with their intervals as facts, "name", "name low", "name high", "name woman", …"""
    facts: dict[str, Fact] = {}
    for group, one in found.items():
        if one.value is not None:
            called = name if group == OVERALL else f"{name} {group.partition('=')[2]}"
            facts |= {called: one.value, f"{called} low": one.low, f"{called} high": one.high}
    return facts


def _shares(name: str, labels: Labels, attributes: Sequence[str]) -> dict[str, Fact]:
    """Return each group's share of pictures, of single attributes and of all at once."""
    sets = dict.fromkeys([*((one,) for one in attributes), tuple(attributes)])
    return {
        f"{name} {group}": share
        for chosen in sets
        if chosen
        for group, share in shares_in(labels, chosen).items()
    }
