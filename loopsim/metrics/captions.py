"""What captions say of people's gender, and how well a picture fits its caption."""

from collections.abc import Sequence

import numpy as np

from loopsim.words import caption_gender


def gender_scores(captions: Sequence[str], genders: Sequence[str]) -> dict[str, np.ndarray]:
    """Return per caption, float32 [n]: error (names only the wrong gender), neutral, both, and single (names exactly one).

    Error divided by all captions is the paper's measure; divided by the single ones it shows a captioner that is wrong whenever it commits itself.
    """
    said = np.array([caption_gender(caption) for caption in captions])
    true = np.asarray(genders)
    single = (said == "man") | (said == "woman")
    scores = {"error": single & (said != true), "neutral": said == "neutral", "both": said == "both", "single": single}
    return {name: score.astype(np.float32) for name, score in scores.items()}


def clip_score(image_features: np.ndarray, text_features: np.ndarray) -> np.ndarray:
    """Return 2.5 · max(cos, 0) for each pair of rows, float32 [n] (CLIPScore, Hessel et al. 2021); features are unit-norm [n, d]."""
    return (2.5 * np.maximum((image_features * text_features).sum(1), 0)).astype(np.float32)
