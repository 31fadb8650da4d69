"""Loading ahead changes no data."""

import pytest

from loopsim.models.prefetch import Prefetch


@pytest.mark.parametrize("enabled", [True, False])
def test_loading_ahead_gives_each_step_its_own_data(enabled: bool) -> None:
    with Prefetch(lambda step: step * step, enabled=enabled) as load_step:
        assert [load_step(step) for step in (3, 4, 5, 9, 10)] == [9, 16, 25, 81, 100]
