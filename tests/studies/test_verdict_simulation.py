"""The verdicts, on rows whose noise is known: silent where nothing moved, and seeing where something did."""

import pytest

from loopsim.studies.verdict_simulation import Scenario, scenarios, simulate

NULL = [(0.5, 0.0), (2.0, 0.0), (2.0, 0.5), (3.0, 0.5)]


@pytest.mark.slow
@pytest.mark.parametrize(("ratio", "correlation"), NULL)
def test_no_more_generations_hold_a_false_verdict_than_stated(ratio: float, correlation: float) -> None:
    found = simulate(Scenario(ratio, correlation, num_rows=100), 30)
    assert found.generations == 150
    assert found.false_generations <= 0.05 * found.generations
    assert found.false_trends <= 0.05 * found.generations
    if correlation == 0:  # else 30 loops are 30 intervals
        assert 0.93 <= found.coverage <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "least"), [("linear", 0.7), ("step", 0.8)])
def test_a_shift_of_five_standard_deviations_of_retraining_is_found(shape: str, least: float) -> None:
    found = simulate(Scenario(2.0, 0.0, 5.0, shape), 12)
    assert found.power >= least
    assert found.false_discoveries <= 0.06


def test_every_ratio_and_correlation_is_simulated_without_and_with_a_shift() -> None:
    asked = list(scenarios())
    assert len({(s.ratio, s.correlation) for s in asked}) == 12
    assert {s.shape for s in asked if s.shift} == {"linear", "step"}
