"""Which rows a report shows without being asked for, and the sections that they stand in."""

from collections.abc import Collection
from typing import Final

Pair = tuple[str, str]  # metric, group

SECTIONS: Final = {
    "data": "Who is in the data",
    "generator": "Who the generator draws",
    "clip": "CLIP",
    "captions": "Captions",
    "quality": "Quality of generated pictures",
}
_SHARES: Final = tuple(
    f"{whose}_share{kind}" for whose in ("dataset", "sample", "generator") for kind in ("", "_corrected")
)
GAPS: Final = ("overall", "gender gap", "skin_tone gap")
SHARES: Final = ("gender=woman", "skin_tone=darker")
_NAMED: Final = ("gender", "skin_tone", "skin_type", "profession")
# Without --metric these rows are shown; of a metric that is not listed, the overall value.
HEADLINES: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(_SHARES, SHARES),
    "omission": SHARES,
    "subordination": ("gender=woman",),
    "recall@1": GAPS,
    "self_similarity": GAPS[1:],
    "self_similarity_unbiased": GAPS[1:],
    "person_preference.gender": GAPS,
    "person_preference.skin_tone": GAPS,
    "max_skew": ("gender skew", "skin_tone skew"),
    "gender_error": GAPS,
    "cider_d": GAPS,
    "clip_score": GAPS,
    "sample_sharpness": GAPS,
    "homogenisation": GAPS,
} | dict.fromkeys(
    ("recall@5", "ndkl",
     "gender_error_single", "caption_both", "rouge_l", "dataset_sharpness",
     "dataset_high_frequency", "sample_high_frequency", "sample_kid_clip",
     "sample_density", "sample_coverage", "profession_majority_share"), ()
)  # fmt: skip


def headlines(pairs: Collection[Pair]) -> list[Pair]:
    """Return which of a report's rows, (metric, group) each, are shown without being asked for."""
    return [pair for pair in pairs if is_headline(*pair)]


def is_headline(metric: str, group: str) -> bool:
    """Return whether a row is shown without being asked for."""
    return group in HEADLINES.get(metric, ("overall",)) or (metric in _SHARES and _is_of_other(group))


def _is_of_other(group: str) -> bool:
    """Return whether a group is one of an attribute that the lists do not name: of what a classifier of races
    sees something is shown, too. (Skin types and professions are the pocket world's finer labels.)
    """
    attribute, sign, _ = group.partition("=")
    return bool(sign) and "&" not in group and attribute not in _NAMED
