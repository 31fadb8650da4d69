"""What CLIP_g is good at, and how it sees people."""

from collections.abc import Iterator

import numpy as np

from loopsim.data.scene_captions import with_article
from loopsim.evaluation.evaluation import FEW_RESAMPLES, Evaluation
from loopsim.evaluation.measure import Measure, Measured, means, unmeasured
from loopsim.metrics import similarity
from loopsim.metrics.association import association_scores, effect_size
from loopsim.metrics.estimate import (
    OVERALL,
    Disaggregated,
    Statistic,
    by_group,
    evaluated,
    not_available,
    ratio_of_sums,
    recentred_estimate,
)
from loopsim.metrics.retrieval import max_skew, ndkl, recall_at_k
from loopsim.metrics.similarity import NEUTRAL_PROMPT, PREFERENCE_PROMPTS, prefers_person


def recall(e: Evaluation) -> Iterator[Measured]:
    """Text-to-image recall over the full gallery: the mean over captions, overall and of a group those of its
    pictures.
    """
    on, records = e.retrieval, e.retrieval.records
    counts = np.array([len(record.captions) for record in records], np.float32)
    owners = np.repeat(np.arange(len(records)), counts.astype(int))
    texts = e.clip.encode_texts([caption for record in records for caption in record.captions])
    hits = recall_at_k(texts.numpy(), e.retrieval_features.numpy(), owners)
    for k, found in hits.items():
        # The picture is the resampling unit: its captions' hits are not independent.
        sums = np.bincount(owners, found, len(records)).astype(np.float32)
        estimates = by_group(
            ratio_of_sums(sums, counts), on.groups, on.values, len(records), on.weights, usable=counts > 0
        )
        yield Measured(f"recall@{k}", estimates, np.stack([sums, counts], axis=1))


RECALL = Measure("recall", "clip", asks_model=True, body=recall)


def self_similarity(e: Evaluation) -> Iterator[Measured]:
    """How much more alike a group's faces look to CLIP_g than the average group's: the seed paper's form, in
    which a face pairs with itself, too.
    """
    found = _relative_to_groups(e, similarity.self_similarity(e.face_features))
    yield Measured("self_similarity", found, e.face_features)


SELF_SIMILARITY = Measure("self_similarity", "clip", asks_model=True, body=self_similarity)


def self_similarity_unbiased(e: Evaluation) -> Iterator[Measured]:
    """The same over pairs of different faces, which does not depend on how many a group has."""
    found = _relative_to_groups(e, similarity.homogenisation(e.face_features))
    yield Measured("self_similarity_unbiased", found, e.face_features)


SELF_SIMILARITY_UNBIASED = Measure(
    "self_similarity_unbiased", "clip", asks_model=True, body=self_similarity_unbiased, on_demand=True
)


def _relative_to_groups(e: Evaluation, statistic: Statistic) -> Disaggregated:
    return similarity.relative_self_similarity(statistic, e.faces.groups, e.faces.values, e.faces.weights)


def person_preference(e: Evaluation) -> Iterator[Measured]:
    """Whom the neutral prompt fits better than every prompt that names the attribute."""
    skins = e.corpus.attributes("faces").get("skin_type")
    prompts_of = PREFERENCE_PROMPTS | (
        {"skin_tone": [f"a photo of a person with {skin} skin" for skin in skins]} if skins else {}
    )
    for attribute, prompts in prompts_of.items():
        if attribute in e.faces.attributes:
            prefers = prefers_person(e.face_features, e.clip.encode_texts([NEUTRAL_PROMPT, *prompts]).numpy())
            yield means(f"person_preference.{attribute}", prefers, e.faces, attributes=[attribute])


PERSON_PREFERENCE = Measure("person_preference", "clip", asks_model=True, body=person_preference)


def skew(e: Evaluation) -> Iterator[Measured]:
    """Who comes first when the whole gallery is ranked for the neutral prompt; desired is the gallery's own
    make-up.
    """
    scores = e.retrieval_features.numpy() @ e.clip.encode_texts([NEUTRAL_PROMPT]).numpy()[0]
    order = np.argsort(-scores, kind="stable")
    skews, divergences = Disaggregated(), Disaggregated()
    for attribute in e.retrieval.attributes:
        everyone = np.asarray(e.retrieval.groups[attribute])[order]
        labelled = everyone != ""
        ranked, k = everyone[labelled], max(1, int(labelled.sum()) // 10)
        present = [value for value in e.retrieval.values[attribute] if (ranked == value).any()]
        if len(present) < 2:
            skews[f"{attribute} skew"] = divergences[f"{attribute} ndkl"] = not_available(
                len(ranked), "fewer than two groups have items", is_bias=True
            )
            continue
        desired = {value: float(np.mean(ranked == value)) for value in present}
        resampled = [
            np.repeat(ranked, w[order][labelled].astype(int)).tolist()
            for w in e.retrieval.weights[:FEW_RESAMPLES]
        ]
        skews[f"{attribute} skew"] = recentred_estimate(
            max_skew(ranked.tolist(), desired, k),
            np.array([max_skew(r, desired, k) for r in resampled]),
            len(ranked),
            is_bias=True,
            bounds=(0, np.inf),
        )
        divergences[f"{attribute} ndkl"] = recentred_estimate(
            ndkl(ranked.tolist(), desired),
            np.array([ndkl(r, desired) for r in resampled]),
            len(ranked),
            is_bias=True,
            bounds=(0, np.inf),
        )
    yield Measured("max_skew", skews, scores)
    yield Measured("ndkl", divergences, scores)


SKEW = Measure("skew", "clip", asks_model=True, body=skew)


def association(e: Evaluation) -> Iterator[Measured]:
    """iEAT: do women's faces lie nearer to the professions that the world gives to women than men's
    faces do?
    """
    names = {
        side: [p for p, share in e.world_women.items() if (share > 0.5) == side] for side in (True, False)
    }
    genders = np.asarray(e.faces.groups.get("gender", [""] * len(e.faces.records)))
    women, known = genders == "woman", genders != ""
    if not all(names.values()) or min(women.sum(), (known & ~women).sum()) < 2:
        reason = "needs professions on both sides of one half, and two faces of each gender"
        yield unmeasured("ieat", len(women), reason, is_bias=True)
        return
    a, b = (
        e.clip.encode_texts([f"a photo of {with_article(p)}" for p in names[side]]).numpy()
        for side in (True, False)
    )
    scores = association_scores(e.face_features, a, b)
    d = evaluated(effect_size(scores, women), known, e.faces.weights, is_bias=True)
    yield Measured("ieat", Disaggregated({OVERALL: d}), scores)


ASSOCIATION = Measure("association", "clip", asks_model=True, body=association)
