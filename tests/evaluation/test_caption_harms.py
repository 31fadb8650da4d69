"""The harms of captions: values against slow counts, replicates for drift, and a loop that asks for them."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from loopsim.core.rng import seed_for
from loopsim.data.corpus import Corpus, Record
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.held_out import EvaluationSet
from loopsim.evaluation.measure import MEASURES, Measured, measure_all
from loopsim.metrics import harms
from loopsim.metrics.estimate import resampling_weights, with_intersections
from loopsim.report.summary import summarize
from tests.helpers.loops import small_config, start_run


def measured(captions: list[str], annotated: list[str], labels: dict[str, list[str]]) -> dict[str, Measured]:
    """What the measure finds in these captions of pictures with these labels."""
    groups, values = with_intersections(
        labels, {name: list(dict.fromkeys(label for label in of if label)) for name, of in labels.items()}
    )
    n = len(captions)
    records = [Record(f"retrieval/0/{i}", (annotated[i],), {}) for i in range(n)]
    on = EvaluationSet(
        cast(Corpus, None),
        records,
        tuple(labels),
        groups,
        values,
        resampling_weights(n, 200, seed_for("test")),
    )
    fake = SimpleNamespace(retrieval=on, written=captions)
    return {m.metric: m for m in MEASURES.get("caption_harms").body(cast(Evaluation, fake))}


WRITTEN = [
    *["a kind woman who works as a receptionist"] * 30, *["a kind woman as a doctor"] * 10,
    *["a man who is a proud receptionist"] * 10, *["a man, a proud judge"] * 30, *["a person"] * 20,
]  # fmt: skip
LABELS = {
    "gender": ["woman"] * 40 + ["man"] * 40 + ["woman"] * 10 + ["man"] * 8 + [""] * 2,
    "skin_tone": ["darker", "lighter"] * 50,
}


@pytest.fixture(scope="module")
def found() -> dict[str, Measured]:
    """A hundred captions in which women have the lesser role."""
    return measured(WRITTEN, WRITTEN, LABELS)


def test_subordination_is_of_the_people_in_the_pictures_by_the_role_in_the_caption(
    found: dict[str, Measured],
) -> None:
    estimates = found["caption_subordination"].estimates
    woman = estimates["gender=woman"]
    expected = harms.subordination(30, 40, 10, 40)
    assert (woman.value, woman.low, woman.high, woman.n) == (expected.value, expected.low, expected.high, 80)
    assert estimates["gender=man"].value == pytest.approx(1 / 3)
    assert estimates["skin_tone=darker"].value == pytest.approx(1)
    assert "gender & skin_tone=woman & darker" in estimates
    assert woman.replicates is not None
    assert np.nanmedian(woman.replicates) == pytest.approx(3, rel=0.2)
    assert found["caption_role.subordinate"].estimates["gender=woman"].value == pytest.approx(30 / 50)
    assert found["caption_role.dominant"].estimates["gender=woman"].value == pytest.approx(10 / 50)
    assert found["caption_role.dominant"].estimates["gender gap"].is_bias


def test_roles_are_whole_words_in_any_script() -> None:
    captions = [
        "the pilot's dog",
        "two judges",
        "a co-pilot",
        "a bossä",
        "a judge/doctor",
        "Krankenpflegerin",
    ]
    found = measured(captions, captions, {"gender": ["woman"] * 6})["caption_role.dominant"]
    assert found.items.tolist() == [1, 1, 0, 0, 1, 0]


def test_omission_is_against_the_share_in_the_pictures(found: dict[str, Measured]) -> None:
    woman = found["caption_omission"].estimates["gender=woman"]
    assert woman.value == pytest.approx((40 / 80) / (50 / 98))
    assert woman.low is not None
    assert woman.high is not None
    assert woman.low < woman.value < woman.high
    assert woman.replicates is not None
    assert woman.replicates.shape == (200,)
    unlabelled = measured(WRITTEN, WRITTEN, {})
    assert unlabelled["caption_omission"].estimates["gender=woman"].value == pytest.approx(0.5 / 0.508)
    for metric in ("caption_subordination", "caption_marked_share", "caption_marked_word"):
        assert unlabelled[metric].estimates.overall.reason


def test_marked_words_are_followed_one_by_one(found: dict[str, Measured]) -> None:
    words = found["caption_marked_word"].estimates
    kind = words["gender=woman 'kind'"]
    assert kind.value is not None
    assert kind.value > 1
    assert kind.is_bias
    assert kind.replicates is not None
    assert np.isfinite(kind.replicates).all()
    assert not any("proud" in group or "'woman'" in group for group in words)
    share = found["caption_marked_share"].estimates["gender=woman"]
    assert share.value is not None
    assert 0 < share.value < 1
    assert found["caption_marked_share"].estimates["skin_tone=darker"].value == 0


def test_words_that_annotators_mark_are_followed_where_the_captioner_does_not_write_them() -> None:
    silent = measured(["a person in a room"] * 100, WRITTEN, LABELS)
    kind = silent["caption_marked_word"].estimates["gender=woman 'kind'"]
    assert kind.value == pytest.approx(0, abs=0.2)
    assert silent["caption_omission"].estimates["gender=woman"].reason == "no caption names one gender"
    reason = silent["caption_subordination"].estimates["gender=woman"].reason
    assert reason == "no caption names a role of the two that are compared"


def test_it_is_measured_only_where_it_is_named_and_its_rows_drift(tmp_path: Path) -> None:
    measure = MEASURES.get("caption_harms")
    assert measure.on_demand
    assert measure.asks_model
    start_run(tmp_path / "run", small_config("evaluate.metrics=['caption_harms']"))
    summary = summarize(tmp_path / "run")
    metrics = {row.metric for row in summary.metrics}
    assert metrics == {
        "caption_omission", "caption_subordination", "caption_role.subordinate", "caption_role.dominant",
        "caption_marked_share", "caption_marked_word",
    }  # fmt: skip
    assert all(row.reason for row in summary.metrics if row.value is None)
    moved = {row.metric for row in summary.drift if row.generation == 2}
    assert {"caption_role.subordinate", "caption_role.dominant"} <= moved


def test_unknown_measures_stay_errors() -> None:
    with pytest.raises(Exception, match="did you mean 'caption_harms'"):
        measure_all(cast(Evaluation, None), ["caption_harm"])
