"""The loop's sections: what a value means in each generation."""

from loopsim.config import ComposeConfig


def test_alpha_may_change_by_generation_and_its_last_value_is_repeated() -> None:
    config = ComposeConfig(alpha=(0.2, 0.6))
    assert [config.alpha_at(g) for g in (1, 2, 3)] == [0.2, 0.6, 0.6]
