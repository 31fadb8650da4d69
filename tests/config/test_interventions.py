"""The section `[[interventions]]`: any settings that a stored config gives back as they were."""

import json
from pathlib import Path

import pytest

from loopsim.config import Config, InterventionConfig, config_from_tree, load_config, override_config
from loopsim.core.errors import ConfigError


def test_each_entry_keeps_its_kind_and_its_settings_in_order(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        '[[interventions]]\nkind = "quota"\ntarget = {woman = 1, man = 0.5}\n'
        '[[interventions]]\nkind = "mine"\nlist = [1, true, "x"]\n'
    )
    first, second = load_config(str(tmp_path / "own.toml")).interventions
    assert (first.kind, first.model_extra) == ("quota", {"target": {"man": 0.5, "woman": 1}})
    assert (second.kind, second.model_extra) == ("mine", {"list": [1, True, "x"]})
    assert Config().interventions == ()


def test_a_stored_config_gives_them_back_in_the_same_order() -> None:
    config = load_config("pocket", ['interventions=[{kind="quota", z=1, a={c=1.0, b=2}}]'])
    stored = json.loads(json.dumps(config.model_dump(mode="json"), sort_keys=True))
    again = config_from_tree(stored, "run x")
    assert again == config == override_config(config, [])
    assert repr(again.interventions) == repr(config.interventions)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{z = 1}", "interventions.0.kind"),
        ('{kind = "x", since = 1979-05-27}', "interventions.0: since = 1979-05-27: write a text"),
        ('{kind = "x", a = {b = [inf]}}', "a.b = inf"),
        ("3", "interventions.0"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_key(entry: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("pocket", [f"interventions=[{entry}]"])
    assert words in str(caught.value)


def test_settings_given_in_python_are_the_same() -> None:
    assert InterventionConfig.model_validate({"kind": "x", "pair": (1, 2)}).model_extra == {"pair": [1, 2]}
