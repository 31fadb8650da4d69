"""How near one set of pictures is to another, and how varied it is, in a frozen encoder's features
(docs/metrics.md).

Compare sets of equal size only: every one of these measures moves with the number of pictures. The encoder is
part of the name (`fd_clip`): values in different encoders' features are not comparable, and none of them says
*which* pictures are wrong.
"""

import numpy as np
from scipy.spatial.distance import cdist

from loopsim.metrics.estimate import Statistic, quotient
from loopsim.metrics.similarity import unit_rows

# Unit-norm features that are nearer than this are of one picture, as a cosine of .99999 is: in bfloat16, what
# stands beside a picture in its batch moves it by up to .004; real neighbours are ten times as far.
SAME = 0.005


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> Statistic:
    """Return the statistic ‖μ_r - μ_f‖² + tr(Σ_r + Σ_f - 2 (Σ_r Σ_f)^½) of features [n, d], [m, d] (Heusel et
    al. 2017, eq. 6); covariances by n - 1.

    Weights repeat fakes. The trace of the root is that of (Σ_r^½ Σ_f Σ_r^½)^½, whose eigenvalues come from a
    symmetric matrix.
    """
    x, y = real.astype(np.float64), fake.astype(np.float64)
    mean, covariance = x.mean(0), np.cov(x, rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T

    def one(w: np.ndarray, chosen: np.ndarray) -> float:
        n = w.sum()
        centre = w @ chosen / n
        spread = ((chosen - centre) * w[:, None]).T @ (chosen - centre) / (n - 1)
        cross = np.sqrt(np.linalg.eigvalsh(root @ spread @ root).clip(0)).sum()
        return float(np.square(mean - centre).sum() + np.trace(covariance) + np.trace(spread) - 2 * cross)

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.array(
            [
                one(w, y[mask]) if w.sum() > 1 and np.isfinite(y[mask]).all() else np.nan
                for w in weights[:, mask].astype(np.float64)
            ]
        )

    return statistic


def kid(real: np.ndarray, fake: np.ndarray) -> Statistic:
    """Return the statistic "unbiased squared MMD" with the kernel (x·y/d + 1)³ of features [n, d], [m, d]
    (Bińkowski et al. 2018); may be negative.

    Weights repeat fakes; a draw is paired with every other draw, also of the same fake.
    """
    x, y = real.astype(np.float64), fake.astype(np.float64)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        values: np.ndarray = (a @ b.T / a.shape[1] + 1) ** 3
        return values

    among_real, among_fake, between = kernel(x, x), kernel(y, y), kernel(x, y).mean(0)
    real_part = (among_real.sum() - np.trace(among_real)) / (len(x) * (len(x) - 1))

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        w = weights[:, mask].astype(np.float64)
        n, k = w.sum(1), among_fake[np.ix_(mask, mask)]
        with np.errstate(invalid="ignore", divide="ignore"):
            fake_part: np.ndarray = (((w @ k) * w).sum(1) - w @ np.diag(k)) / (n * (n - 1))
            found: np.ndarray = real_part + fake_part - 2 * (w @ between[mask]) / n
        return found

    return statistic


def cmmd(real: np.ndarray, fake: np.ndarray, sigma: float = 10.0) -> Statistic:
    """Return the statistic 1000 · MMD², kernel exp(-‖x - y‖² / 2σ²) on unit-norm features, biased estimator
    (Jayasumana et al. 2024, §4).
    """
    x, y = unit_rows(real).astype(np.float64), unit_rows(fake).astype(np.float64)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        values: np.ndarray = np.exp(-np.maximum(2 - 2 * a @ b.T, 0) / (2 * sigma**2))
        return values

    real_part, among_fake, between = kernel(x, x).mean(), kernel(y, y), kernel(x, y).mean(0)

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        w = weights[:, mask].astype(np.float64)
        w = quotient(w, w.sum(1, keepdims=True))
        fake_part = ((w @ among_fake[np.ix_(mask, mask)]) * w).sum(1)
        found: np.ndarray = 1000 * (real_part + fake_part - 2 * w @ between[mask])
        return found

    return statistic


def manifold_scores(real: np.ndarray, fake: np.ndarray, k: int = 5) -> dict[str, np.ndarray]:
    """Return per-item scores whose means are precision and density (over fakes), recall and coverage (over
    reals) of features [n, d], [m, d].

    A ball around each item reaches to its k-th nearest neighbour (not itself) in its own set. precision: the
    fake lies in some real ball; density: number of real balls that it lies in, over k; recall: the real lies
    in some fake ball; coverage: some fake lies in the real's ball (Kynkäänniemi et al. 2019; Naeem et al.
    2020). Raises ValueError unless both sets have more than k items.
    """
    if min(len(real), len(fake)) <= k:
        raise ValueError(
            f"{min(len(real), len(fake))} items: the {k}-th nearest neighbour needs more than {k}"
        )
    radius_real = np.partition(cdist(real, real), k, axis=1)[:, k]
    radius_fake = np.partition(cdist(fake, fake), k, axis=1)[:, k]
    between = cdist(real, fake)
    in_real = between < radius_real[:, None]
    scores = {
        "precision": in_real.any(0),
        "density": in_real.sum(0) / k,
        "recall": (between < radius_fake[None, :]).any(1),
        "coverage": between.min(1) < radius_real,
    }
    known = (
        np.isfinite(real).all() and np.isfinite(fake).all()
    )  # a comparison with NaN is False: it would pass for a score of 0
    return {name: np.where(known, score, np.nan).astype(np.float32) for name, score in scores.items()}


def vendi_score(features: np.ndarray) -> Statistic:
    """Return the statistic exp(-Σ λ log λ), λ the eigenvalues of the weighted cosine kernel K/n of features
    [n, d] (Friedman & Dieng 2023, eq. 2).

    The effective number of different items: 1 if all are alike, n if all are orthogonal. K = U Uᵀ has the
    eigenvalues of the d × d matrix Uᵀ W U.
    """
    unit = unit_rows(features).astype(np.float64)

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        found = np.full(len(weights), np.nan)
        for index, w in enumerate(weights[:, mask].astype(np.float64)):
            if w.sum() > 0 and np.isfinite(unit[mask]).all():
                eigenvalues = np.linalg.eigvalsh((unit[mask] * (w / w.sum())[:, None]).T @ unit[mask])
                positive = eigenvalues[eigenvalues > 1e-12]
                found[index] = np.exp(-(positive * np.log(positive)).sum())
        return found

    return statistic


def is_memorised(
    samples: np.ndarray, training: np.ndarray, test: np.ndarray, percentile: float = 1.0
) -> np.ndarray:
    """Return, float32 [n], whether each sample is nearer to some training item than real unseen items are,
    unit-norm features [n, d], [t, d], [r, d].

    The limit is the 1st percentile of the test items' distances to their nearest training item: a rate of
    0.01 is what real, unseen data shows. A test item that itself stands in the training set (at most `SAME`
    from an item of it) is not unseen and sets no limit, so that a copy always counts: with twins for more
    than one in a hundred the limit would be 0, which nothing is below.
    """
    nearest, of_test = (cdist(items, training).min(1) for items in (samples, test))
    unseen = of_test[of_test > SAME]
    limit = np.percentile(unseen, percentile) if len(unseen) else np.nextafter(SAME, 1)
    known = np.isfinite(nearest) & np.isfinite(of_test).all()
    return np.where(known, nearest < limit, np.nan).astype(np.float32)
