"""Values written as TOML come back as they were, and a file of another kind is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopsim.config import as_toml, load_config, parse_value
from loopsim.core.errors import ConfigError
from tests.helpers.loops import CONFIGS

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(VALUES)
def test_a_value_comes_back(value: object) -> None:
    assert parse_value(as_toml(value)) == value


def test_none_is_left_out() -> None:
    assert parse_value(as_toml({"kind": "neon", "num_steps": None})) == {"kind": "neon"}


def test_a_study_is_no_loop_and_says_what_it_is() -> None:
    path = CONFIGS / "study_interventions.toml"
    with pytest.raises(ConfigError, match=r"is a study of many loops: loopsim study interventions .*\.toml"):
        load_config(str(path))
