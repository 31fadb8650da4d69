"""The measures, by the name that `evaluate.metrics` calls them. Each is one function Evaluation -> Measured
values.
"""

from typing import get_args

from loopsim.config import MetricName
from loopsim.evaluation.evaluation import Measure
from loopsim.evaluation.measures import captions, clip, data, generator, leakage

MEASURES: dict[str, Measure] = {
    "representation": data.representation_of_data,
    "artefacts": data.artefacts,
    "homogenisation": data.homogenisation_of_samples,
    "clip_score": data.clip_scores,
    "distribution": data.distribution,
    "generator": generator.neutral_prompts,
    "harms": generator.harms,
    "recall": clip.recall,
    "self_similarity": clip.self_similarities,
    "person_preference": clip.person_preference,
    "skew": clip.skew,
    "association": clip.association,
    "gender_error": captions.gender_error,
    "caption_quality": captions.quality,
    "meteor": captions.meteor_score,
    "spice": captions.spice_score,
    "bias_amplification": captions.bias_amplification,
    "lic": leakage.lic,
    "lic_transformer": leakage.lic_transformer,
}
assert set(MEASURES) == set(get_args(MetricName)), "the config names every measure"

# Measures that ask a trained model: a replicate of the baseline repeats these.
OF_MODELS = (
    "generator", "harms", "recall", "self_similarity", "person_preference", "skew", "association",
    "gender_error", "caption_quality", "meteor",
    "spice", "bias_amplification", "lic", "lic_transformer",
)  # fmt: skip
