"""METEOR as a run tells it: of the captions as a corpus, and of each group's."""

import shutil
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from loopsim.core.ptb_tokens import tokens_of
from loopsim.core.rng import seed_for
from loopsim.data.corpus import Corpus, Record
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.held_out import EvaluationSet
from loopsim.evaluation.measure import MEASURES
from loopsim.metrics.estimate import resampling_weights

WRITTEN = ["a man's red t-shirt", "a cat", "", "a woman with a dog", "a cook", "two dogs run"]
TRUTH = [
    "The man's T-shirt is red.",
    "a cat on a mat",
    "a bird",
    "A woman and her dog",
    "A cook.",
    "a dog runs",
]
GENDERS = ["man", "", "man", "woman", "woman", ""]


@pytest.fixture(scope="module")
def official() -> Callable[[list[int]], float]:
    """What pycocoevalcap tells of some of these captions as a corpus."""
    if shutil.which("java") is None:
        pytest.skip("no java here")
    from pycocoevalcap.meteor.meteor import Meteor

    program = Meteor()

    def score(indices: list[int]) -> float:
        truth, written = ({i: [" ".join(tokens_of(texts[i]))] for i in indices} for texts in (TRUTH, WRITTEN))
        return float(program.compute_score(truth, written)[0])

    return score


@pytest.mark.slow
def test_meteor_is_the_corpus_score_overall_and_of_each_group(official: Callable[[list[int]], float]) -> None:
    records = [Record(f"retrieval/0/{i}", (text,), {}) for i, text in enumerate(TRUTH)]
    on = EvaluationSet(
        cast(Corpus, None),
        records,
        ("gender",),
        {"gender": GENDERS},
        {"gender": ("man", "woman")},
        resampling_weights(len(WRITTEN), 50, seed_for("test")),
    )
    context = SimpleNamespace(interrupt=SimpleNamespace(check=lambda: None))
    fake = SimpleNamespace(retrieval=on, written=WRITTEN, context=context)
    (found,) = MEASURES.get("meteor").body(cast(Evaluation, fake))
    assert found.estimates.overall.value == pytest.approx(official([0, 1, 2, 3, 4, 5]), abs=1e-5)
    assert found.estimates["gender=man"].value == pytest.approx(official([0, 2]), abs=1e-5)
    assert found.estimates["gender=woman"].value == pytest.approx(official([3, 4]), abs=1e-5)
    assert found.estimates["gender gap"].is_bias
    assert found.items.shape == (6,)
    assert found.estimates.overall.value != pytest.approx(found.items.mean(), abs=0.01)
    assert found.estimates.overall.replicates is not None
    assert np.isfinite(found.estimates.overall.replicates).all()
