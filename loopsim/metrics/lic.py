"""LIC: how much of a protected attribute leaks from captions that do not name it (Hirota et al., CVPR
2022).

LIC = LIC_M - LIC_D. A classifier learns to tell the attribute from captions with their gender words masked,
once from the model's captions (M), once from the human ones (D); each term is 100 · mean of s · 1[â = a] on a
balanced test set, s the confidence in the prediction. Of several human captions each has a classifier of its
own, and D is their average, so that both terms learn from as many texts (the authors have five). Positive:
the model's captions betray more than the annotators' do. 25 is an uninformed classifier's floor for two
classes. LIC cannot tell which words betray it.

Here are the words and the arithmetic; the classifiers are in `loopsim.models.text_classifier`.
"""

from collections.abc import Collection, Sequence

import numpy as np

from loopsim.core.gendered_words import FEMININE, MASCULINE
from loopsim.core.ptb_tokens import words_of
from loopsim.metrics.estimate import quotient, resampling_weights

MASK, UNKNOWN = "[mask]", "[unk]"


def mask_words(caption: str, words: Collection[str] = MASCULINE | FEMININE) -> str:
    """Return a caption in small letters, without punctuation, with every one of `words` replaced by the mask
    token, in possessives, too ("[mask] 's").
    """
    return " ".join(MASK if word in words else word for word in words_of(caption))


def within_vocabulary(caption: str, vocabulary: Collection[str]) -> str:
    """Return a human caption with each word that the captioner cannot write replaced by the unknown token, so
    that both are judged on equal terms.
    """
    return " ".join(word if word == MASK or word in vocabulary else UNKNOWN for word in caption.split())


def balanced_split(
    labels: Sequence[str], seed: int, test_share: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    """Return indices (train, test) with as many items of each class as the smallest class has, 90/10 in each
    class.

    Raises ValueError if there are fewer than two classes, or a class is too small to be in both parts.
    """
    rng, labelled = np.random.default_rng(seed), np.asarray(labels)
    classes = np.unique(labelled)
    if len(classes) < 2:
        raise ValueError("fewer than two classes")
    members = [rng.permutation(np.flatnonzero(labelled == name)) for name in classes]
    size = min(map(len, members))
    num_test = max(1, round(test_share * size))
    if size <= num_test:
        raise ValueError(
            f"class {classes[int(np.argmin([len(m) for m in members]))]} has too few items for a split"
        )
    return np.concatenate([m[num_test:size] for m in members]), np.concatenate(
        [m[:num_test] for m in members]
    )


def over_seeds(scores: np.ndarray, weights: np.ndarray, seed: int) -> tuple[float, np.ndarray]:
    """Return the mean over seeds of a mean over items, and its bootstrap replicates [B].

    `scores` [s, n] are NaN for the items that a seed did not test. Items are resampled by `weights` [B, n]
    and seeds beside them, each by itself (Owen's pigeonhole bootstrap, which errs on the wide side).
    """
    tested = np.isfinite(scores)
    known = np.where(tested, scores, 0).astype(np.float32)
    by_seed = quotient(weights @ known.T, weights @ tested.T.astype(np.float32))  # [B, s]
    drawn = resampling_weights(len(scores), len(weights), seed)
    drawn = np.where(np.isfinite(by_seed), drawn, 0)  # a resample may lack all items of a seed
    replicates = quotient((drawn * np.nan_to_num(by_seed)).sum(1), drawn.sum(1))
    return float((known.sum(1) / tested.sum(1)).mean()), replicates


def leakage(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return each item's leakage, 100 · s · 1[â = a], float32 [n], for class probabilities [n, c] and true
    classes [n].
    """
    predicted = probabilities.argmax(1)
    scores: np.ndarray = 100 * probabilities.max(1) * (predicted == truth)
    return scores.astype(np.float32)
