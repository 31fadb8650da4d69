"""Text-to-image retrieval: recall, and who comes first for a neutral query (docs/metrics.md)."""

from collections.abc import Mapping, Sequence

import numpy as np

KS = (1, 5, 10)


def recall_at_k(
    text_features: np.ndarray, image_features: np.ndarray, image_of_text: np.ndarray, block: int = 1000
) -> dict[int, np.ndarray]:
    """Return, for k = 1, 5, 10, whether each text [t] finds its image among the k most similar of the full
    gallery, as float32 [t].

    Features are [t, d] and [i, d]; each row is normalised by its own norm (the seed paper's reference divides
    all rows by one row's). An image that ties with the right one counts as before it if its index is smaller.
    NaN for a text whose own or whose image's features are NaN. `block` texts are compared at a time: memory
    is O(block · i).
    """
    texts = text_features / np.linalg.norm(text_features, axis=1, keepdims=True)
    images = image_features / np.linalg.norm(image_features, axis=1, keepdims=True)
    ranks = np.empty(len(texts))
    for start in range(0, len(texts), block):
        scores = texts[start : start + block] @ images.T
        rows = np.arange(len(scores))
        own = image_of_text[start : start + block]
        right = scores[rows, own][:, None]
        before = (scores > right) | ((scores == right) & (np.arange(len(images)) < own[:, None]))
        ranks[start : start + block] = np.where(np.isfinite(right[:, 0]), before.sum(1), np.nan)
    return {k: np.where(np.isnan(ranks), np.nan, ranks < k).astype(np.float32) for k in KS}


def max_skew(ranked: Sequence[str], desired: Mapping[str, float], k: int) -> float:
    """Return MaxSkew@k = max over groups of ln(share among the first k / desired share) (Geyik et al. 2019,
    eq. 2-3).

    `ranked` labels the results, best first; a group that is not among the first k has a skew of minus
    infinity and never is the largest. `desired` shares must be positive and sum to 1.
    """
    top = np.asarray(ranked[:k])
    with np.errstate(divide="ignore"):
        return float(max(np.log(np.mean(top == group) / share) for group, share in desired.items()))


def ndkl(ranked: Sequence[str], desired: Mapping[str, float]) -> float:
    """Return NDKL = (1/Z) Σ_i KL(shares of the first i ‖ desired) / log2(i + 1), Z = Σ 1 / log2(i + 1) (Geyik
    et al. 2019, eq. 4). 0 is fair.
    """
    member = np.stack([np.asarray(ranked) == group for group in desired], axis=1)
    places = np.arange(1, len(member) + 1)
    shares = np.cumsum(member, axis=0) / places[:, None]
    wanted = np.array(list(desired.values()))
    terms = np.where(shares > 0, shares * np.log(np.where(shares > 0, shares, 1) / wanted), 0).sum(1)
    discount = 1 / np.log2(places + 1)
    return float((terms * discount).sum() / discount.sum())
