"""The pocket world: every attribute is known, and follows the configuration."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from loopsim.config import OpenMojiConfig
from loopsim.core.rng import numpy_generator
from loopsim.data.openmoji import GENDERS, PROFESSIONS, SKIN_TYPES, OpenMojiCorpus, glyph, person_codepoints

CORPUS = OpenMojiCorpus(OpenMojiConfig(), seed=0)


def test_every_person_has_a_picture_and_no_two_look_alike() -> None:
    pictures = {
        glyph(person_codepoints(*cell), 72).tobytes() for cell in product(PROFESSIONS, GENDERS, SKIN_TYPES)
    }
    assert len(pictures) == 20 * 2 * 5


def test_records_and_pictures_are_the_same_each_time() -> None:
    first, second = CORPUS.records("train", 3), OpenMojiCorpus(OpenMojiConfig(), seed=0).records("train", 3)
    assert first == second
    assert (CORPUS.image(first[0]) == CORPUS.image(second[0])).all()
    assert CORPUS.image(first[0]).shape == (64, 64, 3)
    assert CORPUS.records("train", 3, draw=1) != first
    assert all(len(record.captions) == 5 for record in first)


def test_train_scenes_follow_the_configured_world() -> None:
    records = CORPUS.records("train", 6000)
    for profession, share in CORPUS.config.professions.items():
        genders = [r.groups["gender"] for r in records if r.groups["profession"] == profession]
        assert abs(genders.count("woman") / len(genders) - share) < 0.11  # about 4 standard errors at n = 300
    darker = np.mean([r.groups["skin_tone"] == "darker" for r in records])
    assert abs(darker - (1063 + 528 + 468) / 17777) < 0.02


@pytest.mark.parametrize("split", ["retrieval", "faces"])
def test_evaluation_sets_are_balanced(split) -> None:
    cells = Counter(
        (r.groups["profession"], r.groups["gender"], r.groups["skin_type"])
        for r in CORPUS.records(split, 400)
    )
    assert set(cells.values()) == {2}
    assert len(cells) == 200


def oracle_women(prompt: str, shift: float, n: int = 400) -> float:
    """The share of women among the oracle's pictures, told by comparing them with both genders' renders of
    the same scene.
    """
    seen = []
    original = CORPUS.draw_scene

    def watch(rng, person=None, *, close_up=False):
        scene = original(rng, person, close_up=close_up)
        seen.append(scene.gender)
        return scene

    CORPUS.draw_scene = watch  # type: ignore[method-assign]
    try:
        for i in range(n):
            CORPUS.oracle(prompt, shift, numpy_generator("oracle test", i))
    finally:
        del CORPUS.draw_scene
    return seen.count("woman") / n


def test_the_oracle_follows_the_prompt_and_the_world() -> None:
    assert oracle_women("a photo of a female mechanic", 0.0, 20) == 1
    assert abs(oracle_women("a photo of a judge", 0.0) - 0.35) < 0.1
    assert abs(oracle_women("a photo of a judge", 0.3) - 0.65) < 0.1
    # A bouquet leans to women: P(woman | judge, bouquet) by Bayes.
    odds = 0.35 / 0.65 * (0.8 / 5.7) / (0.2 / 6.3)
    assert abs(oracle_women("a photo of a judge and a bouquet", 0.0) - odds / (1 + odds)) < 0.1
