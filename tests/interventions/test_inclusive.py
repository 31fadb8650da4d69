"""Inclusive fine-tuning: who is drawn with which adapter, and what it refuses."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from loopsim.core.errors import ConfigError
from loopsim.interventions.inclusive import Inclusive
from loopsim.models.diffusion.sampler import Sampler
from loopsim.runs.resolve import resolve
from tests.helpers.checkpoints import TinyModels, loaded_diffusion
from tests.helpers.loops import small_config


def routes(intervention: Inclusive, prompt: str, num: int, tiny: Sampler, folder: Path) -> Counter:
    intervention.with_prepared(folder).adapt(tiny, None)
    routed = tiny.routed.pop()
    return Counter(routed.route(prompt, seed) for seed in range(num))


@pytest.fixture
def tiny(tiny_models: TinyModels) -> Sampler:
    return Sampler(loaded_diffusion(tiny_models["sd"]), 1, 1.0, 32)


def test_open_prompts_are_drawn_to_the_target_and_stated_ones_with_what_fits(
    tiny: Sampler, tmp_path: Path
) -> None:
    both = Inclusive()
    assert list(both.cells) == ["man & darker", "man & lighter", "woman & darker", "woman & lighter"]
    found = routes(both, "a photo of a cook", 800, tiny, tmp_path)
    assert all(abs(found[group] / 800 - 0.25) < 0.06 for group in both.cells)
    women = routes(both, "a photo of a woman", 400, tiny, tmp_path)
    assert set(women) == {"woman & darker", "woman & lighter"}
    assert abs(women["woman & darker"] / 400 - 0.5) < 0.1
    assert set(routes(both, "a man with dark skin", 50, tiny, tmp_path)) == {"man & darker"}
    assert set(routes(both, "a man and a woman", 50, tiny, tmp_path)) == {None}
    never = Inclusive(stated="none")
    assert set(routes(never, "a photo of a woman", 50, tiny, tmp_path)) == {None}


def test_a_target_decides_and_groups_that_nobody_asks_for_are_still_drawn_when_stated(
    tiny: Sampler, tmp_path: Path
) -> None:
    one = Inclusive(attributes=("gender",), target={"woman": 0.9, "man": 0.1})
    found = routes(one, "a photo of a cook", 800, tiny, tmp_path)
    assert abs(found["woman"] / 800 - 0.9) < 0.04
    only = Inclusive(attributes=("gender",), target={"woman": 1.0})
    assert set(routes(only, "a photo of a cook", 50, tiny, tmp_path)) == {"woman"}
    assert set(routes(only, "a photo of a man", 50, tiny, tmp_path)) == {"man"}
    chosen = Inclusive(groups=("man & darker", "woman & lighter"))
    assert set(chosen.folders()) == {"man & darker", "woman & lighter"}
    assert len(set(chosen.folders().values())) == 2


def test_a_group_is_written_into_a_prompt() -> None:
    both = Inclusive()
    assert both.naming("a photo of a cook", both.cells["woman & darker"]) == (
        "a photo of a female cook with dark skin"
    )


def test_a_picture_of_nobody_does_not_agree_with_its_prompt() -> None:
    seen = {"woman": ["woman", "woman", "", "man"], "man": ["", "", "", ""]}
    workshop = SimpleNamespace(
        seed=(0,),
        professions=("cook",),
        draw=lambda draws: "woman" if "female" in draws[0].prompt else "man",
        labels=lambda pictures: [{"gender": one} for one in seen[pictures]],
        adapter=lambda *_: None,
    )
    found = Inclusive(attributes=("gender",), num_pictures=4).prepare(workshop)  # type: ignore[arg-type]
    assert (found.facts["agreement woman"], found.facts["agreement man"]) == (0.5, 0.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"attributes": ("mood",)}, r"Give phrases\.mood"),
        ({"groups": ("woman",)}, "there is no group 'woman'"),
        ({"target": {"woman & darker": 0.5}}, "must sum to 1"),
        ({"target": {"nobody": 1.0}}, "there is no group 'nobody'"),
        ({"professions": ("cook",), "held_out": ("cook",)}, "none is left"),
        ({"weight": float("nan")}, "greater than or equal|finite"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Inclusive(**settings)


def test_a_held_out_profession_must_be_known(tmp_path: Path) -> None:
    entry = 'interventions=[{kind="inclusive", held_out=["cok"]}]'
    with pytest.raises(ConfigError, match=r"interventions\[0\] \(inclusive\): held_out 'cok': not among"):
        resolve(small_config(entry), tmp_path)
