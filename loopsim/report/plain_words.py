"""Metrics, groups and verdicts in plain words: what a report calls them, and which way is better."""

import re
from dataclasses import dataclass
from typing import Final, Literal, final

from loopsim.metrics.estimate import OVERALL

Better = Literal["higher", "lower"]


@final
@dataclass(frozen=True)
class Words:
    """A metric's name for people, what it tells in one sentence, and which way is better, if one is."""

    name: str
    meaning: str
    better: Better | None = None


METRICS: Final[dict[str, Words]] = {
    "dataset_share": Words(
        "share of the training pictures", "Who is in D_g, as the pinned classifier sees it."
    ),
    "dataset_share_corrected": Words(
        "share of the training pictures, corrected",
        "Who is in D_g, corrected for what the pinned classifier confuses.",
    ),
    "sample_share": Words("share of the generated pictures", "Who is in S_g, as the classifier sees it."),
    "sample_share_corrected": Words(
        "share of the generated pictures, corrected", "Who is in S_g, corrected for confusions."
    ),
    "dataset_unlabelled": Words(
        "training pictures without a label", "Share of D_g in which the pinned classifier sees nobody."
    ),
    "sample_unlabelled": Words(
        "generated pictures without a label", "Share of S_g in which the classifier sees nobody."
    ),
    "generator_share": Words(
        "share drawn for open prompts", "Whom the generator draws for prompts that leave the person open."
    ),
    "generator_share_corrected": Words(
        "share drawn for open prompts, corrected", "The same, corrected for confusions."
    ),
    "generator_unlabelled": Words(
        "pictures for open prompts without a label",
        "Share of what is drawn for open prompts in which the classifier sees nobody.",
    ),
    "women_per_profession": Words(
        "women per profession",
        "Share of women among pictures of a profession; overall: mean distance from the world's shares.",
    ),
    "profession_slope": Words(
        "stereotype slope", "Shares of women by the world's; above 1 the generator exaggerates."
    ),
    "profession_rank_correlation": Words(
        "stereotype rank correlation", "Whether professions are in the world's order."
    ),
    "profession_majority_share": Words(
        "majority's share in a profession", "How large the larger gender's part is, mean over professions."
    ),
    "omission": Words("share by the world's share", "Below 1 a group is left out of open prompts."),
    "subordination": Words(
        "women in lesser by greater roles", "Above 1 women are drawn in lesser roles more often."
    ),
    "recall@1": Words("recall@1", "How often CLIP finds the right picture first.", "higher"),
    "recall@5": Words("recall@5", "How often CLIP has the right picture among five.", "higher"),
    "recall@10": Words("recall@10", "How often CLIP has the right picture among ten.", "higher"),
    "self_similarity": Words(
        "self-similarity",
        "How alike CLIP sees a group's faces, in % of the mean over groups; with pairs of a face and itself.",
    ),
    "self_similarity_unbiased": Words(
        "self-similarity, unbiased",
        "The same over pairs of different faces: a small group seems no more alike.",
    ),
    "max_skew": Words("MaxSkew", "How far the first finds of a neutral query are from the groups' shares."),
    "ndkl": Words("NDKL", "How far a neutral query's whole ranking is from the groups' shares.", "lower"),
    "ieat": Words("iEAT", "Whether CLIP sees women nearer to professions that the world fills with women."),
    "gender_error": Words("wrong gender in captions", "Share of captions with the wrong gender.", "lower"),
    "gender_error_single": Words(
        "wrong gender, of captions that name one", "The same, of captions that name one gender.", "lower"
    ),
    "caption_neutral": Words("captions without a gender", "Share of captions that name no gender."),
    "caption_both": Words("captions with both genders", "Share of captions that name both."),
    "bleu4": Words("BLEU-4", "Captions against what people wrote: runs of four words.", "higher"),
    "rouge_l": Words("ROUGE-L", "Captions against what people wrote: longest common words.", "higher"),
    "cider_d": Words("CIDEr-D", "Captions against what people wrote, rare words count more.", "higher"),
    "caption_clip_score": Words(
        "CLIPScore of captions", "How well captions fit their pictures, by the frozen CLIP.", "higher"
    ),
    "clip_score": Words("CLIPScore of generated pictures", "How well pictures fit their captions.", "higher"),
    "homogenisation": Words(
        "likeness within a group", "How alike a group's pictures are, by the frozen encoder."
    ),
    "sample_fd_clip": Words(
        "Fréchet distance", "How far generated pictures are from real ones, in the frozen CLIP.", "lower"
    ),
    "sample_kid_clip": Words("KID", "How far the mean picture is from the real one's.", "lower"),
    "sample_cmmd_clip": Words("CMMD", "On unit features nearly the same as KID.", "lower"),
    "sample_precision": Words("precision", "Share of generated pictures that look real.", "higher"),
    "sample_recall": Words("variety (recall)", "Share of real pictures that could be generated.", "higher"),
    "sample_density": Words("density", "How near generated pictures are to real ones.", "higher"),
    "sample_coverage": Words("coverage", "Share of real pictures with a generated one near by.", "higher"),
    "sample_vendi": Words("Vendi score", "How many different pictures there are, in effect.", "higher"),
    "sample_memorisation": Words(
        "copies",
        "Share of generated pictures nearer to a training picture than unseen real ones are.",
        "lower",
    ),
    "sample_sharpness": Words("sharpness", "Variance of the Laplacian of generated pictures."),
    "sample_high_frequency": Words("fine detail", "High-frequency energy of generated pictures."),
    "dataset_sharpness": Words("sharpness of the training pictures", "Variance of the Laplacian."),
    "dataset_high_frequency": Words("fine detail of the training pictures", "High-frequency energy."),
    "stated_fidelity": Words(
        "fidelity", "Share of pictures that show the group that their caption states.", "higher"
    ),
    "lic": Words("LIC", "How much more captions give a gender away than people's do.", "lower"),
}
# What an artefact of pictures is, not a bias between people, although groups may differ in it.
ARTEFACTS: Final = ("sharpness", "high_frequency")
_VALUES: Final = {"woman": "women", "man": "men", "lighter": "lighter skin", "darker": "darker skin"}
_ATTRIBUTES: Final = {"skin_tone": "skin tone", "skin_type": "skin type"}
_KINDS: Final = {
    "gap": "gap between",
    "skew": "skew of",
    "tv": "distance from equal shares of",
    "kl": "divergence from equal shares of",
}


def words_of(metric: str) -> Words:
    """Return a metric's words; of one that is not known here (a package's own), its name with spaces."""
    known = METRICS.get(metric)
    if known is not None:
        return known
    family, _, part = metric.partition(".")
    if family == "person_preference":
        return Words(
            f"neutral prompt preferred ({_ATTRIBUTES.get(part, part)})",
            "Share of faces whose best prompt is the neutral one, not a group's.",
        )
    return Words(metric.replace("_", " ").replace(".", ": "), "")


def attribute_in_words(attribute: str) -> str:
    """Return an attribute for people: "skin tone"."""
    return _ATTRIBUTES.get(attribute, attribute.replace("_", " "))


def group_in_words(group: str) -> str:
    """Return a group for people: "gender=woman & skin_tone=darker" is "women & darker skin"."""
    if group == OVERALL:
        return ""
    return " & ".join(_one_group(part) for part in group.split(" & "))


def _one_group(group: str) -> str:
    attribute, sign, value = group.partition("=")
    if sign:
        called = value.replace("_", " ")
        return _VALUES.get(value, f"{attribute_in_words(attribute)} {called}")
    name, _, kind = group.rpartition(" ")
    if kind in _KINDS:
        of = f"{attribute_in_words(name)}s"
        return f"{_KINDS[kind]} {of}"
    return group.replace("_", " ")


def row_in_words(metric: str, group: str) -> str:
    """Return what a row is called: the metric, and whom it is about."""
    name, whom = words_of(metric).name, group_in_words(group)
    return name if not whom else f"{name}: {whom}"


def number(value: float) -> str:
    """Return a number with three digits that count, as papers write them: .071, 12.3, 1,234, .0002."""
    size = abs(value)
    if 0 < size < 0.0005:
        return re.sub(r"^(-?)0\.", r"\1.", f"{value:.1g}")
    decimals = 3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0
    text = f"{value:,.{decimals}f}"
    text = "0" if not text.strip("-0.,") else text
    return re.sub(r"^(-?)0\.", r"\1.", text)


def signed(value: float) -> str:
    """Return a number with its sign."""
    text = number(value)
    return text if text.startswith("-") or text == "0" else f"+{text}"


def interval(low: float, high: float) -> str:
    """Return an interval."""
    return f"[{signed(low)}, {signed(high)}]"
