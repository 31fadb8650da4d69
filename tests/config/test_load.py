"""The configuration says what is wrong with it, and the shown preset is the one that runs."""

from pathlib import Path

import pytest

from loopsim.config import PRESETS, Config, known_keys, load_config
from loopsim.core.errors import ConfigError
from tests.helpers.loops import CONFIGS


def test_the_file_shows_the_preset_that_runs() -> None:
    assert load_config(str(CONFIGS / "pocket.toml")) == Config() == load_config("pocket")


def test_the_file_shows_every_key() -> None:
    text = (CONFIGS / "pocket.toml").read_text()
    missing = [key for key in known_keys() if key.split(".")[-1] not in text]
    assert missing == []


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_valid(preset: str) -> None:
    assert load_config(preset).generations > 0


def test_overrides_reach_nested_values_of_every_type() -> None:
    config = load_config(
        "tiny",
        [
            "finetune.num_steps=7",
            "compose.alpha=[0.1, 0.9]",
            "compose.policy=replace",
            "data.openmoji.professions={cook = 0.9}",
        ],
    )
    assert (config.finetune.num_steps, config.compose.alpha, config.compose.policy) == (
        7,
        (0.1, 0.9),
        "replace",
    )
    assert config.data.openmoji.professions == {"cook": 0.9}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("finetune.num_step=7", ["finetune.num_step", "did you mean 'finetune.num_steps'"]),
        ("compose.alpha=1.5", ["compose.alpha", "1.5"]),
        ("generations=-1", ["generations", "-1"]),
        ("generations=1000000000", ["generations = 1000000000", "less than or equal to 10000"]),
        ("generations", ["key=value"]),
        ("seed.x=1", ["seed"]),
        ("data.openmoji.professions={mechanik = 0.1}", ["mechanik", "did you mean 'mechanic'"]),
        ("data.openmoji.objects={wrench = 0.0, dog = 0.0}", ["objects"]),
    ],
)
def test_errors_name_the_key_and_the_way_out(override: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("pocket", [override])
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_file_that_is_not_there_or_not_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean the preset 'pocket'"):
        load_config("pockt")
    (tmp_path / "bad.toml").write_text("seed = = 1")
    with pytest.raises(ConfigError, match=r"bad\.toml: not valid TOML"):
        load_config(str(tmp_path / "bad.toml"))


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "windows.toml").write_bytes(b"\xef\xbb\xbfseed = 7\r\n")
    assert load_config(str(tmp_path / "windows.toml")).seed == 7


def test_a_file_whose_name_is_too_long_is_not_there() -> None:
    with pytest.raises(ConfigError, match="no such config file"):
        load_config("a" * 300)


def test_the_order_of_names_does_not_matter() -> None:
    one, other = (
        load_config("pocket", [f"data.openmoji.professions={table}"])
        for table in ("{cook = 0.9, judge = 0.1}", "{judge = 0.1, cook = 0.9}")
    )
    assert list(one.data.openmoji.professions) == list(other.data.openmoji.professions)


def test_what_is_no_word_is_not_likened_to_one() -> None:
    with pytest.raises(ConfigError) as told:
        load_config("tiny", ["seed="])
    assert "seed = ''" in str(told.value)
    assert "did you mean" not in str(told.value)


def test_one_value_out_of_range_is_not_told_of_several() -> None:
    with pytest.raises(ConfigError) as told:
        load_config("tiny", ["compose.alpha=-0.3"])
    assert str(told.value).count("\n") == 0
    assert "greater than or equal to 0" in str(told.value)
    with pytest.raises(ConfigError, match=r"compose\.alpha"):
        load_config("tiny", ["compose.alpha=[0.5, 2]"])
