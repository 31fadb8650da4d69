"""The names that a config may use: where each key's are found, and whether a config's own are known.

The folders stand above this one, and nothing of theirs is imported: that takes seconds, and a mistyped name
is told at once.
"""

from typing import Final

from loopsim.config.loop import Config
from loopsim.core.choices import Shelf

POLICIES: Final = Shelf("compose.policy", "Policy", "loopsim.phases.policies")
CURATIONS: Final = Shelf("generate.curation", "Curation", "loopsim.phases.curations")
MEASURES: Final = Shelf("evaluate.metrics", "Measure", "loopsim.evaluation.measures", "loopsim.metrics")
INTERVENTIONS: Final = Shelf(
    "interventions.kind", "Intervention", "loopsim.interventions", "loopsim.interventions"
)
CORPORA: Final = Shelf("data.corpus", "CorpusKind", "loopsim.data.corpora", "loopsim.corpora")
FORMATS: Final = Shelf("data.train.format", "CorpusFormat", "loopsim.data.formats")
CAPTIONERS: Final = Shelf("captioner.kind", "CaptionerKind", "loopsim.models.captioners")
CLASSIFIERS: Final = Shelf("classifier.kind", "ClassifierKind", "loopsim.models.classifiers")
FAMILIES: Final = Shelf("generator.family", "Family", "loopsim.models.diffusion.families")


def check_names(config: Config) -> None:
    """Raise ConfigError, naming the key, for the first name in a config that neither loopsim nor an installed
    package has. What a script registers is not known here.
    """
    POLICIES.require([config.compose.policy])
    CURATIONS.require([config.generate.curation])
    if config.evaluate.metrics != "default":
        MEASURES.require(config.evaluate.metrics)
    for number, entry in enumerate(config.interventions):
        INTERVENTIONS.require([entry.kind], f"interventions[{number}].kind")
    CAPTIONERS.require([config.captioner.kind])
    CLASSIFIERS.require([config.classifier.kind])
    if config.generator.family != "auto":
        FAMILIES.require([config.generator.family])
    CORPORA.require([config.data.corpus])
    for split, source in config.data.sources().items():
        FORMATS.require([source.format], f"data.{split}.format")
