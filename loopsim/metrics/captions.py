"""What captions say: of people's gender, and how well they fit references and pictures (docs/metrics.md).

BLEU-4, ROUGE-L, CIDEr-D and SPICE are pycocoevalcap's, the COCO evaluation server's own code, and so are the
captions' tokens, without java (`loopsim.core.ptb_tokens`). Only SPICE needs `java`. They reward saying what
annotators said: a captioner that repeats the annotators' stereotypes is rewarded for it.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from loopsim.core.child import Child, ChildFailed
from loopsim.core.gendered_words import caption_gender
from loopsim.core.ptb_tokens import tokens_of
from loopsim.metrics.estimate import Statistic, of_sums


def gender_scores(captions: Sequence[str], genders: Sequence[str]) -> dict[str, np.ndarray]:
    """Return per caption, float32 [n]: error (names only the wrong gender), neutral, both, and single (names
    exactly one).

    Error divided by all captions is the paper's measure; divided by the single ones it shows a captioner that
    is wrong whenever it commits itself.
    """
    said = np.array([caption_gender(caption) for caption in captions])
    true = np.asarray(genders)
    single = (said == "man") | (said == "woman")
    scores = {
        "error": single & (said != true),
        "neutral": said == "neutral",
        "both": said == "both",
        "single": single,
    }
    return {name: score.astype(np.float32) for name, score in scores.items()}


def clip_score(image_features: np.ndarray, text_features: np.ndarray) -> np.ndarray:
    """Return 2.5 · max(cos, 0) for each pair of rows, float32 [n] (CLIPScore, Hessel et al. 2021); features
    are unit-norm [n, d].
    """
    scores: np.ndarray = 2.5 * np.maximum((image_features * text_features).sum(1), 0)
    return scores.astype(np.float32)


def tokenized(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """Return references and captions as pycocoevalcap takes them: by number, with blanks between tokens."""

    def joined(text: str) -> str:
        return " ".join(tokens_of(text))

    return {i: [joined(text) for text in texts] for i, texts in enumerate(references)}, {
        i: [joined(text)] for i, text in enumerate(candidates)
    }


def bleu4(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> Statistic:
    """Return the statistic "corpus BLEU-4" (Papineni et al. 2002) of n captions against their references;
    counts are pycocoevalcap's.

    As there, the reference length is the closest one, and counts are padded by 1e-15 and 1e-9 so that no
    precision is undefined.
    """
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer

    truth, written = tokenized(candidates, references)
    rows = []
    for i in truth:
        scorer = BleuScorer(n=4)
        scorer += (written[i][0], truth[i])
        counted = scorer.ctest[0]
        closest = min((abs(length - counted["testlen"]), length) for length in counted["reflen"])[1]
        rows.append([counted["testlen"], closest, *counted["guess"], *counted["correct"]])

    def score(totals: np.ndarray) -> np.ndarray:
        length, closest, guess, correct = totals[:, 0], totals[:, 1], totals[:, 2:6], totals[:, 6:]
        precision = np.exp(np.log((correct + 1e-15) / (guess + 1e-9)).mean(1))
        ratio = (length + 1e-15) / (closest + 1e-9)
        found: np.ndarray = precision * np.where(ratio < 1, np.exp(1 - 1 / np.maximum(ratio, 1e-9)), 1)
        return found

    return of_sums(np.array(rows, np.float64).reshape(-1, 10), score)


def rouge_l(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """Return each caption's ROUGE-L F score (β = 1.2) against its references, float32 [n]; pycocoevalcap's.

    A caption without a token has 0: there it would have 1 if a reference has none, either.
    """
    from pycocoevalcap.rouge.rouge import Rouge

    truth, written = tokenized(candidates, references)
    scores = np.asarray(Rouge().compute_score(truth, written)[1], np.float32)
    return np.where([text != "" for (text,) in written.values()], scores, 0).astype(np.float32)


def cider_d(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """Return each caption's CIDEr-D (σ = 6, scaled by 10) with document frequencies of these references,
    float32 [n]; pycocoevalcap's. 0 where no reference has a token.
    """
    from pycocoevalcap.cider.cider import Cider

    truth, written = tokenized(candidates, references)
    if not any(text for texts in truth.values() for text in texts):
        return np.zeros(len(candidates), np.float32)
    return np.asarray(Cider().compute_score(truth, written)[1], np.float32)


def spice(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    check: Callable[[], None] = lambda: None,
    patience: float = 7200,
) -> np.ndarray:
    """Return each caption's SPICE F score, float32 [n]: pycocoevalcap's program, which fetches its parser
    when first used.

    `check` is called while it computes, and may raise. Raises ChildFailed where there is no `java`, or it
    dies, or is not done after `patience` seconds.
    """
    from pycocoevalcap.spice import spice as library

    truth, written = tokenized(candidates, references)
    asked = [{"image_id": i, "test": written[i][0], "refs": truth[i]} for i in range(len(written))]
    if shutil.which("java") is None:
        raise ChildFailed("needs java on the PATH")
    try:
        library.get_stanford_models()
    except (OSError, BadZipFile) as error:
        raise ChildFailed(f"its parser cannot be fetched: {error}") from error
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        (place / "cache").mkdir()
        (place / "in").write_text(json.dumps(asked), encoding="utf-8")
        options = [str(place / "in"), "-cache", str(place / "cache"), "-out", str(place / "out"), "-subset"]
        command = ["java", "-jar", "-Xmx8G", library.SPICE_JAR, *options, "-silent"]
        with Child(command, Path(library.__file__).parent, patience, check) as program:
            program.finish()
        found = {
            one["image_id"]: one["scores"]["All"]["f"]
            for one in json.loads((place / "out").read_text(encoding="utf-8"))
        }
    return np.asarray([found[i] for i in range(len(written))], np.float32)
