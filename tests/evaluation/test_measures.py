"""What `evaluate.metrics` can name, and what "default" stands for."""

from pathlib import Path

import pytest

from loopsim.core.errors import ConfigError
from loopsim.core.rng import seed_for
from loopsim.evaluation.audit_prompts import audit_prompts
from loopsim.evaluation.measure import MEASURES, default_measures, unmeasured

POCKET = Path(__file__).parents[2] / "configs" / "pocket.toml"


def test_each_file_of_measures_is_found_and_a_measure_is_called_by_its_name() -> None:
    assert len(MEASURES.own) == 22
    assert all(measure.name == name for name, measure in MEASURES.own.items())
    files = {measure.body.__module__.rpartition(".")[2] for measure in MEASURES.own.values()}
    folder = Path(__file__).parents[2] / "loopsim" / "evaluation" / "measures"
    assert files == {path.stem for path in folder.glob("*.py")} - {"__init__"}


def test_the_default_leaves_out_what_needs_java_a_model_or_minutes_and_what_few_ask_for() -> None:
    left_out = {
        "meteor", "spice", "lic", "lic_transformer", "caption_harms", "stated_fidelity",
        "self_similarity_unbiased",
    }  # fmt: skip
    assert set(MEASURES.own) - set(default_measures()) == left_out


def test_the_pocket_preset_lists_what_the_default_measures() -> None:
    lines = POCKET.read_text().partition("[evaluate]")[2].partition("metrics =")[0]
    listed = lines.replace("\n#", " ").partition("these:")[2].partition(".")[0].replace(" ", "").split(",")
    assert sorted(listed) == sorted(default_measures())


def test_a_replicate_of_the_baseline_repeats_what_asks_its_models() -> None:
    asking = {measure.section for measure in MEASURES.own.values() if measure.asks_model}
    assert asking == {"generator", "clip", "captions"}
    assert {m.section for m in MEASURES.own.values() if not m.asks_model} == {"data", "quality"}


def test_only_measures_of_the_generator_have_it_draw() -> None:
    assert {name for name, m in MEASURES.own.items() if m.draws_audit} == {"generator", "harms"}


def test_an_unknown_measure_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"--metric = 'recal': not known; did you mean 'recall'\?"):
        MEASURES.get("recal", "--metric")


def test_neutral_prompts_come_profession_by_profession_with_seeds_of_their_own() -> None:
    plan = audit_prompts(["artist", "cook"], 2, 7)
    assert [item.prompt for item in plan] == ["a photo of an artist"] * 2 + ["a photo of a cook"] * 2
    assert [item.seed for item in plan[2:]] == [seed_for(7, "audit", "cook", repeat) for repeat in (0, 1)]
    assert len({item.seed for item in plan}) == 4


def test_what_cannot_be_measured_says_why() -> None:
    found = unmeasured("spice", 12, "needs java", is_bias=True, baseline=1)
    overall = found.estimates.overall
    assert (overall.value, overall.n, overall.reason, overall.is_bias) == (None, 12, "needs java", True)
    assert (found.items.shape, found.baseline) == ((0,), 1)
