"""The sections compose and evaluate: what stands for one generation, and what is left open."""

import pytest

from loopsim.config import ComposeConfig, EvaluateConfig, ResolvedEvaluateConfig, load_config
from loopsim.core.errors import ConfigError


def test_of_a_schedule_only_the_generations_own_share_counts() -> None:
    schedule = ComposeConfig(alpha=(0.2, 0.6))
    assert [schedule.at(g).alpha for g in (0, 1, 2, 3)] == [0.2, 0.2, 0.6, 0.6]
    assert schedule.at(1) == ComposeConfig(alpha=(0.2, 0.9)).at(1)
    assert ComposeConfig().at(4) == ComposeConfig()


def test_one_measure_is_a_list_too() -> None:
    assert load_config("pocket", ["evaluate.metrics=default"]).evaluate.metrics == "default"
    assert load_config("pocket", ["evaluate.metrics=['lic']"]).evaluate.metrics == ("lic",)
    with pytest.raises(ConfigError, match=r"evaluate\.metrics = 'lic': write \"default\", or a list"):
        load_config("pocket", ["evaluate.metrics=lic"])


def test_resolved_nothing_is_left_open() -> None:
    given = {"metrics": ["recall"], "professions": {"cook": 0.5}}
    resolved = ResolvedEvaluateConfig.model_validate(EvaluateConfig().model_dump() | given)
    assert isinstance(resolved, EvaluateConfig)
    assert (resolved.metrics, resolved.professions) == (("recall",), {"cook": 0.5})
    with pytest.raises(ValueError, match="metrics"):
        ResolvedEvaluateConfig.model_validate(EvaluateConfig().model_dump() | {"professions": {}})
