"""Declared = used: a phase that reads an undeclared section of the config is told so."""

from pathlib import Path

import pytest

from loopsim.context.config_view import view
from loopsim.core.errors import UndeclaredSection
from loopsim.runs.resolve import resolve
from tests.helpers.loops import small_config


def test_a_phase_sees_what_it_declared(tmp_path: Path) -> None:
    config = resolve(small_config(), tmp_path)
    seen = view(config, ("clip",), "train_clip")
    assert seen.clip == config.clip
    assert seen.seed == config.seed
    with pytest.raises(
        UndeclaredSection, match=r"train_clip reads the config's 'finetune'.*it declares clip"
    ):
        seen.finetune  # noqa: B018
    with pytest.raises(AttributeError):
        seen.nonsense  # noqa: B018
