"""Recall and fairness of rankings against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopsim.metrics.retrieval import max_skew, ndkl, recall_at_k
from tests.helpers.oracles import CLOSE, SEEDS, features


@settings(max_examples=30)
@given(SEEDS, st.integers(2, 15), st.integers(1, 3))
def test_recall_equals_its_definition(seed: int, num_images: int, per_image: int) -> None:
    images = (
        features(seed, num_images, 6) * 7
    )  # rows of very different norms: each is to be normalised by its own
    owner = np.repeat(np.arange(num_images), per_image)
    texts = images[owner] + 8 * features(seed + 1, len(owner), 6)
    found = recall_at_k(texts, images, owner, block=4)
    for k, hits in found.items():
        for i, text in enumerate(texts):
            cosines = [text @ image / np.linalg.norm(text) / np.linalg.norm(image) for image in images]
            assert hits[i] == (owner[i] in np.argsort(cosines)[::-1][:k])


@settings(max_examples=40)
@given(st.lists(st.sampled_from("ab"), min_size=3, max_size=20), st.floats(0.1, 0.9))
def test_skew_and_ndkl_equal_their_definitions(ranked: list[str], share: float) -> None:
    desired = {"a": share, "b": 1 - share}
    k = len(ranked) // 2 + 1
    skews = [
        np.log(ranked[:k].count(group) / k / wanted)
        for group, wanted in desired.items()
        if ranked[:k].count(group)
    ]
    assert max_skew(ranked, desired, k) == pytest.approx(max(skews), **CLOSE)
    total = z = 0.0
    for i in range(1, len(ranked) + 1):
        shares = {group: ranked[:i].count(group) / i for group in desired}
        total += sum(p * np.log(p / desired[group]) for group, p in shares.items() if p) / np.log2(i + 1)
        z += 1 / np.log2(i + 1)
    assert ndkl(ranked, desired) == pytest.approx(total / z, **CLOSE)
