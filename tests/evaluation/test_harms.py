"""The generator's harms, of pictures that it drew for neutral prompts."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from loopsim.evaluation.audit_prompts import audit_prompts
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import MEASURES
from loopsim.metrics.estimate import Estimate, percentile_interval, resampling_weights

ROLES = ("receptionist", "cook", "judge", "doctor", "artist")


def subordination(shares: dict[str, float]) -> Estimate:
    """Subordination of women, given how many of 40 pictures a profession show them."""
    plan = audit_prompts(ROLES, 40, 0)
    genders = ["woman" if i < 40 * shares[role] else "man" for role in ROLES for i in range(40)]
    fake = SimpleNamespace(
        audit_labels=[{"gender": gender, "skin_tone": "darker"} for gender in genders],
        audit_plan=plan,
        world_women=dict.fromkeys(ROLES, 0.5),
        corpus=SimpleNamespace(world_darker=lambda: 0.2),
        classifier=SimpleNamespace(values={"gender": ("man", "woman"), "skin_tone": ("darker", "lighter")}),
        weights=lambda n, *_: resampling_weights(n, 500, 0),
    )
    found = {m.metric: m for m in MEASURES.get("harms").body(cast(Evaluation, fake))}
    return found["subordination"].estimates["gender=woman"]


def test_subordination_has_the_replicates_that_a_drift_needs() -> None:
    even = dict.fromkeys(ROLES, 0.5)
    start = subordination(even)
    end = subordination(even | {"receptionist": 0.9, "cook": 0.9, "judge": 0.3, "doctor": 0.3})
    assert (start.value, end.value, end.n) == (1, pytest.approx(3), 160)
    assert start.replicates is not None
    assert end.replicates is not None
    low, high = percentile_interval(end.replicates - start.replicates)
    assert low is not None
    assert high is not None
    assert 0 < low < 2 < high


def test_of_roles_without_women_nothing_is_said_but_how_little_is_known() -> None:
    found = subordination(dict.fromkeys(ROLES, 0.0))
    assert found.value == 1
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.1 < 10 < found.high
    assert found.replicates is None or not np.isfinite(found.replicates).any()
