"""METEOR 1.5 (Denkowski & Lavie 2014), of single captions and of a corpus (docs/metrics.md).

Its program, which pycocoevalcap carries and which needs `java`, aligns a caption with each of its references
and prints the counts of the best one. The score of a corpus is made from the sums of these counts, as the
program's own last line is, which is what papers report; it is not the mean over captions.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from loopsim.core.child import Child, ChildFailed
from loopsim.metrics.captions import tokenized
from loopsim.metrics.estimate import Statistic, of_sums

# The program's parameters for English, tuned on rankings: how much recall counts, how the penalty for
# fragments grows and where it ends, how much content words count.
ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
STAGES = np.array([1.0, 0.6, 0.8, 0.6])  # what a match of words, stems, synonyms, paraphrases is worth
NUM_COUNTS = 23


def meteor_counts(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    check: Callable[[], None] = lambda: None,
    patience: float = 300,
) -> np.ndarray:
    """Return what METEOR's program counts in each caption, float64 [n, 23], asked as pycocoevalcap asks it.

    `check` is called while it computes, and may raise. Raises ChildFailed where there is no `java`, or it
    dies or gives no answer for `patience` seconds. (Not by pycocoevalcap's own class: where java dies, that
    waits for ever.)
    """
    from pycocoevalcap.meteor import meteor as library

    command = ["java", "-jar", "-Xmx2G", library.METEOR_JAR, "-", "-", "-stdio", "-l", "en", "-norm"]
    truth, written = tokenized(candidates, references)
    lines = [[text.replace("|||", "") for text in (*truth[i], *written[i])] for i in range(len(written))]
    with Child(command, Path(library.__file__).parent, patience, check) as program:
        counts = [_numbers(program.ask(" ||| ".join(["SCORE", *line]))[0]) for line in lines]
    return np.array(counts, np.float64).reshape(-1, NUM_COUNTS)


def _numbers(line: str) -> list[float]:
    try:
        numbers = [float(word) for word in line.split()]
    except ValueError:
        numbers = []
    if len(numbers) != NUM_COUNTS:
        raise ChildFailed(f"java gave no counts, but {line[:100]!r}")
    return numbers


def meteor_of(counts: np.ndarray) -> np.ndarray:
    """Return METEOR of counts [..., 23], float64 [...]: F = P R / (α P + (1 - α) R), less γ (chunks / matched
    words)^β of it; 0 where nothing was matched.

    P and R are the matches per word of the caption and of the reference, where function words weigh 1 - δ and
    others δ. A caption that is its reference word for word counts as without chunks.
    """
    lengths, function_words, matches = counts[..., :2], counts[..., 2:4], _matches(counts)
    weights = STAGES[:, None, None] * np.array([DELTA, 1 - DELTA])[:, None]
    total = DELTA * (lengths - function_words) + (1 - DELTA) * function_words
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = np.moveaxis((matches * weights).sum((-3, -2)) / total, -1, 0)
        mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
        fragmentation = _chunks(counts) / counts[..., 21:].mean(-1)
        score = mean * (1 - GAMMA * fragmentation**BETA)
    found: np.ndarray = np.maximum(np.nan_to_num(score), 0)
    return found


def corpus_meteor(counts: np.ndarray) -> Statistic:
    """Return the statistic "METEOR of a corpus" of captions with counts [n, 23]."""
    summed = counts.copy()
    summed[:, 20] = _chunks(counts)
    return of_sums(summed, meteor_of)


def _matches(counts: np.ndarray) -> np.ndarray:
    """Return the matches [..., stage, content or function words, caption or reference]."""
    return counts[..., 4:20].reshape(*counts.shape[:-1], 4, 2, 2)


def _chunks(counts: np.ndarray) -> np.ndarray:
    """Return the chunks that the penalty counts: none of a caption that is its reference word for word."""
    chunks = counts[..., 20]
    is_whole = (_matches(counts).sum((-3, -2)) == counts[..., :2]).all(-1) & (chunks == 1)
    return np.where(is_whole, 0, chunks)
