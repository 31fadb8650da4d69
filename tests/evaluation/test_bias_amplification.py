"""Bias amplification of captions: of what, and of how many, it speaks."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from loopsim.data.corpus import Corpus, Record
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.held_out import EvaluationSet
from loopsim.evaluation.measure import MEASURES
from loopsim.metrics.estimate import Estimate, resampling_weights

GENDERS, JOBS = ("woman", "man"), ("cook", "judge")


def measured(captions: list[str]) -> dict[str, Estimate]:
    """What the measure finds, women and men being cooks and judges alike, after training data in which women
    are cooks.
    """
    people = [(GENDERS[i % 2], JOBS[i // 2 % 2]) for i in range(len(captions))]
    groups = {"gender": [gender for gender, _ in people], "profession": [job for _, job in people]}
    records = [
        Record(f"retrieval/0/{i}", (), {"gender": gender, "profession": job})
        for i, (gender, job) in enumerate(people)
    ]
    values = {"gender": GENDERS, "profession": JOBS}
    weights = resampling_weights(len(captions), 100, 0)
    lean = [("woman", "cook")] * 3 + [("woman", "judge")] + [("man", "judge")] * 3 + [("man", "cook")]
    fake = SimpleNamespace(
        classifier=SimpleNamespace(values=values),
        corpus=SimpleNamespace(attributes=lambda *_: values),
        dataset_labels=[{"gender": gender, "profession": job} for gender, job in lean],
        written=captions,
        retrieval=EvaluationSet(cast(Corpus, None), records, tuple(values), groups, values, weights),
    )
    found = MEASURES.get("bias_amplification").body(cast(Evaluation, fake))
    return {m.metric.partition(".")[2]: m.estimates.overall for m in found}


def test_captions_that_name_no_gender_leave_the_way_to_genders_as_it_is() -> None:
    stereotypes = ["a woman who is a cook", "a woman who is a cook", "a man who is a judge", "a judge, a man"]
    told = measured(stereotypes * 5)["profession_to_gender"]
    assert (told.value, told.n) == (pytest.approx(0.5), 20)
    # As many captions that name none, or both, dilute nothing.
    silent = measured(stereotypes * 5 + ["a cook", "a judge", "a man and a woman", "a person"] * 5)
    diluted = silent["profession_to_gender"]
    assert (diluted.value, diluted.n) == (pytest.approx(0.5), 20)
    assert silent["gender_to_profession"].n == 40


def test_where_no_caption_names_a_gender_nothing_is_said() -> None:
    found = measured(["a cook", "a judge"] * 6)["profession_to_gender"]
    assert (found.value, found.n, found.reason) == (None, 0, "no items")
    assert np.isfinite(measured(["a cook", "a judge"] * 6)["gender_to_profession"].value)
