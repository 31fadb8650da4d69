"""Marked words against slow arithmetic, and against draws from the Dirichlet posterior."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loopsim.metrics.marked_words import PRIOR_SHARE, corrected, marked_words, small_words

VOCABULARY = ("calm", "gentle", "proud", "kind", "busy", "brave", "tall")


def slow(
    group: Counter[str], other: Counter[str], background: Counter[str]
) -> dict[str, tuple[float, float]]:
    """δ and z of each word, the formulas read off Monroe et al. 2008."""
    alpha = {word: PRIOR_SHARE * count for word, count in background.items()}
    alpha_0 = sum(alpha.values())
    found = {}
    for word in set(group) | set(other):
        odds = []
        for counts in (group, other):
            n, y, a = sum(counts.values()), counts[word], alpha[word]
            odds.append((y + a) / (n + alpha_0 - y - a))
        delta = math.log(odds[0]) - math.log(odds[1])
        variance = 1 / (group[word] + alpha[word]) + 1 / (other[word] + alpha[word])
        found[word] = (delta, delta / math.sqrt(variance))
    return found


def slow_benjamini_hochberg(p_values: list[float]) -> list[float]:
    """Each p-value times n over its rank, made monotone from the largest down."""
    n = len(p_values)
    order = sorted(range(n), key=lambda i: -p_values[i])
    found, least = [0.0] * n, 1.0
    for rank, i in zip(range(n, 0, -1), order, strict=True):
        least = min(least, p_values[i] * n / rank)
        found[i] = least
    return found


counts_of = st.dictionaries(st.sampled_from(VOCABULARY), st.integers(1, 300), min_size=2).map(Counter)


@given(counts_of, counts_of)
def test_marked_words_are_those_of_the_slow_version(group: Counter[str], other: Counter[str]) -> None:
    background = group + other + Counter({"the": 40})
    expected = {
        word: values
        for word, values in slow(group, other, background).items()
        if group[word] + other[word] >= 5
    }
    z_of = dict(
        zip(
            expected,
            slow_benjamini_hochberg([2 * stats.norm.sf(abs(z)) for _, z in expected.values()]),
            strict=True,
        )
    )
    found = {row.word: row for row in marked_words({"g": group}, {"g": other}, background)["g"]}
    for word, (delta, z) in expected.items():
        p = z_of[word]
        if abs(p - 0.05) < 1e-9:
            continue
        assert (word in found) == (z > 0 and p < 0.05), word
        if word in found:
            assert (found[word].log_odds, found[word].z) == pytest.approx((delta, z))
            assert (found[word].count, found[word].unmarked_count) == (group[word], other[word])
            assert found[word].corrected_z <= found[word].z


def test_the_z_is_that_of_the_posterior() -> None:
    """δ and its spread are those of draws from the two Dirichlet posteriors."""
    group, other = Counter(gentle=60, calm=40, busy=300), Counter(gentle=20, calm=45, busy=400)
    background = group + other
    (row,) = [
        row for row in marked_words({"g": group}, {"g": other}, background)["g"] if row.word == "gentle"
    ]
    rng, words = np.random.default_rng(0), list(background)
    draws = []
    for counts in (group, other):
        shares = rng.dirichlet([counts[word] + PRIOR_SHARE * background[word] for word in words], 200_000)
        gentle = shares[:, words.index("gentle")]
        draws.append(np.log(gentle / (1 - gentle)))
    delta = draws[0] - draws[1]
    assert row.log_odds == pytest.approx(delta.mean(), abs=0.02)
    assert row.log_odds / row.z == pytest.approx(delta.std(), rel=0.06)


def test_the_correction_counts_the_small_words_all_groups() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, 50)
    slow_p = slow_benjamini_hochberg((2 * stats.norm.sf(np.abs(z))).tolist())
    assert 2 * stats.norm.sf(np.abs(corrected(z))) == pytest.approx(slow_p)
    assert np.array_equal(np.sign(corrected(z)), np.sign(z))
    assert corrected([60.0, 1.0])[0] == 60  # a p-value that is 0 in floats
    assert len(corrected([])) == 0


def test_few_false_marks_where_nothing_differs() -> None:
    """Texts of one distribution have a marked word in at most about 5 % of comparisons."""
    rng = np.random.default_rng(1)
    shares = 1 / np.arange(1, 101)
    shares /= shares.sum()
    words = [f"w{'a' * (i + 1)}" for i in range(100)]
    false = 0
    for _ in range(200):
        group, other = (
            Counter(dict(zip(words, rng.multinomial(2000, shares).tolist(), strict=True))) for _ in "ab"
        )
        false += bool(marked_words({"g": group}, {"g": other}, group + other)["g"])
    assert false / 200 <= 0.06


def test_words_are_those_in_small_letters() -> None:
    assert small_words("Maria smiled; she didn’t see MARIA. Élan, naïve élan 12") == Counter(
        smiled=1, she=1, **{"didn't": 1}, see=1, naïve=1, élan=1
    )


def test_words_of_scripts_without_capitals_count_whole() -> None:
    assert small_words("महिला खड़ी है, امرأة 男人 e\u0301lan") == Counter(
        ["महिला", "खड़ी", "है", "امرأة", "男人", "e\u0301lan"]
    )


def test_nothing_is_marked_where_a_group_has_no_words() -> None:
    assert marked_words({"g": Counter()}, {"g": Counter(a=9)}, Counter(a=9)) == {"g": []}
    assert marked_words({"g": Counter(a=9)}, {"g": Counter(a=9)}, Counter(a=18)) == {"g": []}
