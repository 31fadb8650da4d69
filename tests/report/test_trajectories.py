"""Rows are followed over the same set of groups, and a group that is lost says so."""

import numpy as np
import pytest

from loopsim.metrics.drift import drifts
from loopsim.report.trajectories import History
from loopsim.store.rows import MetricRow, ReplicateRow

Values = dict[str, float | None]
NOISE = np.random.default_rng(0).normal(0, 0.01, 200)


def fields(group: str, value: float | None) -> dict:
    resampled = b"" if value is None else (value + NOISE).astype("<f4").tobytes()
    return {
        "metric": "recall@1", "group": group, "value": value, "n": 0 if value is None else 200, "low": None,
        "high": None, "is_bias": "gap" in group, "reason": "no items" if value is None else None,
        "section": "clip", "baseline": 0, "has_model": True, "replicates": resampled,
    }  # fmt: skip


def with_gap(values: Values) -> Values:
    known = [value for value in values.values() if value is not None]
    return values | {"race gap": max(known) - min(known) if len(known) > 1 else None}


def history(*generations: Values, again: tuple[Values, ...] = ()) -> History:
    measured = [
        MetricRow(generation=g, **fields(group, value))
        for g, values in enumerate(generations)
        for group, value in with_gap(values).items()
    ]
    retrained = [
        ReplicateRow(replicate=k, **fields(group, value))
        for k, values in enumerate(again, 1)
        for group, value in with_gap(values).items()
    ]
    return History(measured, retrained)


def races(a: float, b: float, c: float | None) -> Values:
    return {"race=a": a, "race=b": b, "race=c": c}


AGAIN = (races(0.81, 0.71, 0.41), races(0.80, 0.72, 0.40))


def test_a_gap_is_told_over_the_groups_that_are_there_all_the_way() -> None:
    """0.40 over three groups became 0.09 over two, and was reported as mitigated."""
    found = history(races(0.80, 0.71, 0.40), races(0.80, 0.71, 0.39), races(0.80, 0.71, None), again=AGAIN)
    ways = {row.group: way for row, way in found.trajectories(2)}
    assert "race=c" not in ways
    gap = ways["race gap"]
    assert gap.baselines == pytest.approx([0.09, 0.10, 0.08])
    assert gap.values == pytest.approx([0.09, 0.09])
    assert {d.verdict for d in drifts(list(ways.values())) if d is not None} == {"no evidence"}
    before = {row.group: way for row, way in found.trajectories(1)}["race gap"]
    assert before.values == pytest.approx([0.41])  # nothing was lost yet
    assert before.baselines == pytest.approx([0.40, 0.40, 0.40])


def test_a_lost_group_is_a_verdict_of_its_own() -> None:
    found = history(races(0.8, 0.7, 0.4), races(0.8, 0.7, 0.39), races(0.8, 0.7, None))
    assert list(found.lost(1)) == []
    (lost,) = found.lost(2)
    assert (lost.group, lost.first, lost.reason) == ("race=c", 0.4, "no items")


def test_of_two_groups_one_lost_leaves_no_gap() -> None:
    found = history({"race=a": 0.8, "race=b": 0.4}, {"race=a": 0.8, "race=b": None})
    assert {row.group for row, _ in found.trajectories(1)} == {"race=a"}


def test_a_group_that_was_never_there_is_not_lost_and_a_gap_goes_on_without_it() -> None:
    found = history(races(0.8, 0.7, None), races(0.8, 0.6, None), races(0.8, 0.6, 0.1))
    assert list(found.lost(2)) == []
    gap = {row.group: way for row, way in found.trajectories(2)}["race gap"]
    assert gap.values == pytest.approx([0.2, 0.2])  # not 0.7: the newcomer has no baseline
