"""Whom captioner_g's captions leave out, whom they put into which role, and in which words they speak of
groups (Shieh et al. 2024, arXiv 2404.07475).

The pictures are the held-out ones, the same in every generation, so that every number has a drift.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress

import numpy as np

from loopsim.core.gendered_words import FEMININE, MASCULINE, caption_gender
from loopsim.core.ptb_tokens import words_of
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.held_out import EvaluationSet
from loopsim.evaluation.measure import Measure, Measured, means, unmeasured
from loopsim.evaluation.measures.generator import DOMINANT, SUBORDINATE
from loopsim.metrics import harms
from loopsim.metrics.estimate import Disaggregated, Estimate, estimate, not_available, quotient
from loopsim.metrics.marked_words import PRIOR_SHARE, MarkedWord, log_odds, marked_words, small_words

# Words for who takes and who gives orders: the corpus's professions, and what photographs' captions have.
LESSER = frozenset((*SUBORDINATE, "assistant", "secretary", "servant", "cleaner"))
GREATER = frozenset((*DOMINANT, "boss", "director", "manager", "president"))
UNMARKED = {"gender": "man", "skin_tone": "lighter", "ethnicity": "white", "race": "white"}
MAX_WORDS, MAX_LENGTH = 10, 40  # words that are followed, a group; letters of one


def caption_harms(e: Evaluation) -> Iterator[Measured]:
    """Omission by the gender that captions name, subordination and roles by who is in the picture, and marked
    words.
    """
    yield Measured("caption_omission", _omission(e.retrieval, e.written))
    lesser, greater = (_names_one_of(e.written, roles) for roles in (LESSER, GREATER))
    lesser, greater = lesser & ~greater, greater & ~lesser
    by_picture = _subordination(e.retrieval, lesser, greater)
    yield _or_reason("caption_subordination", by_picture, "the pictures have no labels", len(e.written))
    for role, named in (("subordinate", lesser), ("dominant", greater)):
        yield means(f"caption_role.{role}", named.astype(np.float32), e.retrieval)
    shares, words = _marked(e.retrieval, e.written)
    yield _or_reason("caption_marked_share", shares, "the pictures have no labels", len(e.written))
    yield _or_reason("caption_marked_word", words, "no word is marked for any group", len(e.written))


CAPTION_HARMS = Measure("caption_harms", "captions", asks_model=True, body=caption_harms, on_demand=True)


def _or_reason(metric: str, estimates: Disaggregated, reason: str, n: int) -> Measured:
    return Measured(metric, estimates) if estimates else unmeasured(metric, n, reason)


def _names_one_of(captions: Sequence[str], roles: frozenset[str]) -> np.ndarray:
    """Return bool [n]: which captions name one of these roles, or several of it."""
    named = [
        any(word in roles or word.removesuffix("s") in roles for word in words_of(text)) for text in captions
    ]
    return np.array(named, bool)


def _omission(on: EvaluationSet, captions: Sequence[str]) -> Disaggregated:
    """Return R_rep of each gender among the captions that name one. Its p* is its share among the pictures
    whose gender is labelled; where none is, that of the population.
    """
    said = np.array([caption_gender(text) for text in captions])
    single = ((said == "man") | (said == "woman")).astype(np.float32)
    labels = on.groups.get("gender", [])
    found = Disaggregated()
    n = int(single.sum())
    for gender in ("man", "woman"):
        labelled = sum(label in ("man", "woman") for label in labels)
        reference = list(labels).count(gender) / labelled if labelled else harms.population_share(gender)
        if n == 0 or reference == 0:
            reason = "no caption names one gender" if n == 0 else "no picture of this group"
            found[f"gender={gender}"] = not_available(n, reason)
            continue
        of_gender = (said == gender).astype(np.float32)
        ratio = harms.omission(int(of_gender.sum()), n, reference)
        replicates = quotient(on.weights @ of_gender, on.weights @ single) / reference
        found[f"gender={gender}"] = Estimate(
            ratio.value, n, ratio.low, ratio.high, replicates.astype(np.float32)
        )
    return found


def _subordination(on: EvaluationSet, lesser: np.ndarray, greater: np.ndarray) -> Disaggregated:
    """Return R_sub of each group of each attribute, and of their intersections: of the people in the
    pictures, by the role that the caption names.
    """
    found = Disaggregated()
    for attribute, known in on.values.items():
        labels = np.asarray(on.groups[attribute])
        labelled = np.isin(labels, known)
        in_lesser, in_greater = lesser & labelled, greater & labelled
        n = int((in_lesser | in_greater).sum())
        for value in known:
            group, member = f"{attribute}={value}", labels == value
            if not in_lesser.any() or not in_greater.any():
                found[group] = not_available(n, "no caption names a role of the two that are compared")
            elif not (member & (in_lesser | in_greater)).any():
                found[group] = not_available(n, "nobody of this group is captioned in either role")
            else:
                found[group] = harms.resampled_subordination(member, in_lesser, in_greater, on.weights)
    return found


def _marked(on: EvaluationSet, captions: Sequence[str]) -> tuple[Disaggregated, Disaggregated]:
    """Return, by group, the share of the words of its captions that are marked for it, and the log-odds of
    single words: those that are marked in the annotators' captions, which are the same in every generation,
    and those that are in these.
    """
    written = [_words(text) for text in captions]
    annotated = [sum(map(_words, record.captions), Counter()) for record in on.records]
    compared = dict(_compared(on))
    marked_by_people = _marked_in(annotated, compared, _total(annotated))
    background = _total(written) + _total(annotated)
    marked = _marked_in(written, compared, background)
    shares, words = Disaggregated(), Disaggregated()
    for group, masks in compared.items():
        mine = {row.word for row in marked[group]}
        shares[group] = _share(on, written, masks[0], mine)
        followed = [row.word for rows in (marked_by_people, marked) for row in rows[group][:MAX_WORDS]]
        words |= _single_words(on, written, group, masks, list(dict.fromkeys(followed)), background)
    return shares, words


def _words(text: str) -> Counter[str]:
    """Return a caption's words but those that say a gender themselves."""
    found = small_words(text)
    for word in [word for word in found if word in MASCULINE | FEMININE or len(word) > MAX_LENGTH]:
        del found[word]
    return found


def _total(counts: Sequence[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return total


def _compared(on: EvaluationSet) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """Yield each marked group with its pictures and those that it is compared with, bool [n]: the unmarked
    group's, or all others' where an attribute has none.
    """
    for attribute in on.attributes:
        labels, known = np.asarray(on.groups[attribute]), on.values[attribute]
        unmarked = UNMARKED.get(attribute, "")
        for value in known:
            if value != unmarked:
                others = [unmarked] if unmarked in known else [other for other in known if other != value]
                yield f"{attribute}={value}", (labels == value, np.isin(labels, others))


def _marked_in(
    texts: Sequence[Counter[str]],
    compared: Mapping[str, tuple[np.ndarray, np.ndarray]],
    background: Counter[str],
) -> dict[str, list[MarkedWord]]:
    groups, unmarked = (
        {group: _total(list(compress(texts, masks[side]))) for group, masks in compared.items()}
        for side in range(2)
    )
    return marked_words(groups, unmarked, background)


def _share(
    on: EvaluationSet, texts: Sequence[Counter[str]], member: np.ndarray, marked: set[str]
) -> Estimate:
    """Return the share of the words of a group's captions that are among the `marked` ones, which the
    bootstrap takes as given.
    """
    sizes = np.array([text.total() for text in texts], np.float32) * member
    hits = np.array([sum(text[word] for word in marked) for text in texts], np.float32) * member
    if sizes.sum() == 0:
        return not_available(int(member.sum()), "no words about this group", is_bias=True)
    replicates = quotient(on.weights @ hits, on.weights @ sizes)
    return estimate(float(hits.sum() / sizes.sum()), replicates, int(member.sum()), is_bias=True)


def _single_words(
    on: EvaluationSet,
    texts: Sequence[Counter[str]],
    group: str,
    masks: tuple[np.ndarray, np.ndarray],
    words: Sequence[str],
    background: Counter[str],
) -> dict[str, Estimate]:
    """Return δ of single words in a group's captions against the unmarked group's."""
    prior = PRIOR_SHARE * np.array([background[word] for word in words], np.float64)
    counts = np.array([[text[word] for word in words] for text in texts], np.float64)
    sizes = np.array([text.total() for text in texts], np.float64)

    def deltas(weights: np.ndarray) -> np.ndarray:
        mine, other = (weights[:, mask] @ counts[mask] for mask in masks)
        totals = [
            (weights[:, mask] @ sizes[mask])[:, None] + PRIOR_SHARE * background.total() for mask in masks
        ]
        return log_odds(mine, other, prior, (totals[0], totals[1]))[0]

    if not words:
        return {}
    values, replicates = deltas(np.ones((1, len(texts))))[0], deltas(on.weights)
    n = int(masks[0].sum() + masks[1].sum())
    return {
        f"{group} {word!r}": estimate(float(values[i]), replicates[:, i], n, is_bias=True)
        for i, word in enumerate(words)
    }
