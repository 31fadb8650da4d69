"""What a config may name, and what it says when it names it wrongly."""

import pytest

from loopsim.core.errors import ConfigError
from loopsim.interventions.guidance_schedule import GuidanceSchedule
from loopsim.interventions.registry import INTERVENTIONS
from loopsim.runs.resolve import read_config

ONE_OF_EACH = (
    'interventions=[{kind="quota"}, {kind="random_attribute"}, {kind="latent_offset", omega=1.0}, '
    '{kind="guidance_schedule", values=[2.0, 3.0]}]'
)


def test_each_place_has_its_first() -> None:
    assert {"quota", "random_attribute", "latent_offset", "guidance_schedule", "neon"} <= set(
        INTERVENTIONS.own
    )
    places = {place for kind in INTERVENTIONS.own.values() for place in kind.places}
    assert {"noise", "prompt", "select", "weights"} <= places
    assert len(read_config("tiny", [ONE_OF_EACH]).interventions) == 4


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ('{kind="quotta"}', ["interventions[0].kind", "did you mean 'quota'"]),
        ('{kind="quota", overdraw=0.5}', ["interventions[0].overdraw"]),
        ('{kind="quota", atribute="gender"}', ["interventions[0].atribute", "quota knows attribute"]),
        ('{kind="latent_offset"}', ["interventions[0].omega"]),
        ('{kind="quota", target={woman=0.0}}', ["interventions[0].target", "sum to 0; they must sum to 1"]),
        ('{kind="quota", target={woman=0.5, man=0.6}}', ["sum to 1.1; they must sum to 1"]),
        ('{kind="quota", target={woman=1.5, man=-0.5}}', ["the share of 'man' is -0.5"]),
        ('{kind="quota", target="fair"}', ['say "uniform", "real"', "'fair'"]),
        ('{kind="quota", overdraw=inf}', ["overdraw = inf"]),
        ('{kind="plural_curation", rewards=["clop"]}', ["interventions[0].rewards", "'clip'"]),
        ('{kind="prompt_balancing", attribute="mood"}', ["how is 'mood' written"]),
        ('{kind="prompt_balancing", target={woman=0.5, other=0.5}}', ["target 'other' has no phrase"]),
        ('{kind="sims", w=nan}', ["w = nan"]),
        ('{kind="sims", w=-1.0}', ["interventions[0].w"]),
        ('{kind="uce", attribute="mood"}', ["how is 'mood' written"]),
        ('{kind="uce", weight=0.0}', ["interventions[0].weight"]),
    ],
)
def test_errors_name_the_entry_and_the_way_out(entry: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config("tiny", [f"interventions=[{entry}]"])
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_schedule_is_one_value_in_a_generation() -> None:
    schedule = GuidanceSchedule(values=(2.0, 3.0))
    assert [schedule.at(g).values for g in (1, 2, 9)] == [(2.0,), (3.0,), (3.0,)]
