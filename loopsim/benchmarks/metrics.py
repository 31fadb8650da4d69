"""How fast the closed forms are, beside the definitions they replace, in one run on one machine; and how much
memory retrieval takes.

The definitions are the seed paper's: 10,000 draws a group. They are timed on a stated share of their draws
and extrapolated. Ratios are what counts: machines are noisy.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from loopsim.metrics.estimate import weighted_mean
from loopsim.metrics.retrieval import recall_at_k
from loopsim.metrics.similarity import group_self_similarity, prefers_person, unit_rows

NUM_FACES, WIDTH, NUM_GROUPS, NUM_DRAWS = (
    86_744,
    1_024,
    126,
    10_000,
)  # FairFace's training set, by gender × race × age
GALLERY = 25_000


@final
@dataclass(frozen=True)
class Speedup:
    """Seconds of the closed form and of the definition (extrapolated from `share` of its draws), and the
    largest difference in standard errors.
    """

    name: str
    fast: float
    slow: float
    share: float
    difference: float

    @property
    def ratio(self) -> float:
        """How many times faster the closed form is."""
        return self.slow / self.fast


def _timed(work: Callable[[], np.ndarray], repeats: int = 3) -> tuple[float, np.ndarray]:
    """Return the median time of `repeats` calls after a first one, and the result."""
    result, seconds = work(), []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)), result


def _faces() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    group = rng.choice(NUM_GROUPS, NUM_FACES, p=rng.dirichlet(np.full(NUM_GROUPS, 3.0)))
    centres = rng.normal(size=(NUM_GROUPS, WIDTH)).astype(np.float32)
    return centres[group] * 0.5 + rng.standard_normal((NUM_FACES, WIDTH), np.float32), group


def self_similarity_speedup(share: float = 0.002) -> Speedup:
    """Time the mean pairwise cosine of every group: closed form, and 22 faces drawn with replacement 10,000
    times.
    """
    features, group = _faces()
    fast, closed = _timed(lambda: group_self_similarity(features, group, NUM_GROUPS))
    rng, draws = np.random.default_rng(1), round(share * NUM_DRAWS)
    members = [np.flatnonzero(group == g) for g in range(NUM_GROUPS)]
    upper = np.triu_indices(22, 1)
    start = time.perf_counter()
    # Both begin with the features as a CLIP gives them: a draw's cosines need its rows' norms.
    found = np.array(
        [
            [
                (d @ d.T)[upper].mean()
                for d in (unit_rows(features[rng.choice(mine, 22)]) for _ in range(draws))
            ]
            for mine in members
        ]
    )
    slow = (time.perf_counter() - start) / share
    error = found.std(1, ddof=1) / np.sqrt(draws)
    return Speedup(
        "self-similarity", fast, slow, share, float(np.abs((found.mean(1) - closed) / error).max())
    )


def person_preference_speedup(share: float = 0.002) -> Speedup:
    """Time the share of every group that prefers the neutral prompt: plain share, and 10,000 draws that cut
    each group to the smallest one's size.
    """
    features, group = _faces()
    prompts = unit_rows(np.random.default_rng(2).normal(size=(3, WIDTH)))
    prefers = prefers_person(features, prompts)  # both need it; it is not what differs
    ones, masks = np.ones((1, NUM_FACES), np.float32), [group == g for g in range(NUM_GROUPS)]
    counts = np.bincount(group, minlength=NUM_GROUPS)
    fast, closed = _timed(lambda: np.bincount(group, prefers, NUM_GROUPS) / counts)
    assert np.allclose(closed, [weighted_mean(prefers)(ones, mask)[0] for mask in masks], atol=1e-5)
    rng, draws = np.random.default_rng(1), round(share * NUM_DRAWS)
    members, smallest = [np.flatnonzero(mask) for mask in masks], int(counts.min())
    start = time.perf_counter()
    found = np.array(
        [
            [prefers[rng.choice(mine, smallest, replace=False)].mean() for _ in range(draws)]
            for mine in members
        ]
    )
    slow = (time.perf_counter() - start) / share
    # A group that is cut to its own size has no Monte-Carlo error at all.
    error = np.maximum(found.std(1, ddof=1) / np.sqrt(draws), 1e-6)
    return Speedup(
        "person preference", fast, slow, share, float(np.abs((found.mean(1) - closed) / error).max())
    )


def _recall_memory(sender: "multiprocessing.connection.Connection") -> None:
    rng = np.random.default_rng(0)
    images = rng.standard_normal((GALLERY, WIDTH // 2), np.float32)
    texts = images + 3 * rng.standard_normal(images.shape, np.float32)
    start = time.perf_counter()
    recall = recall_at_k(texts, images, np.arange(GALLERY))[1].mean()
    sender.send(
        (
            float(recall),
            time.perf_counter() - start,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )
    )


def recall_memory() -> tuple[float, float, float]:
    """Return (R@1, seconds, peak bytes of the whole process) of recall over a 25,000 × 25,000 gallery of
    512-wide features, in a fresh process.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_recall_memory, args=(sender,))
    process.start()
    answer: tuple[float, float, float] = receiver.recv()
    process.join()
    return answer
