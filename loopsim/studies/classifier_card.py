"""The card of a pinned classifier: it is opened, and compared with labelled pictures as a loop does it."""

from pathlib import Path

from loopsim.config import Config
from loopsim.context.models import Models
from loopsim.context.session import Session
from loopsim.core.device import choose_device
from loopsim.core.run_folder import STATE
from loopsim.models.base_weights import weights_folder
from loopsim.models.classifiers import abstaining
from loopsim.report.classifier import ClassifierCard
from loopsim.runs.resolve import resolve
from loopsim.runs.stored_config import stored_config
from loopsim.store.store import Store


def classifier_card(source: Path | Config, title: str, runs_dir: Path) -> ClassifierCard:
    """Return the card of a run's classifier, or of a config's.

    Raises ConfigError and DataError as a loop does that opens it.
    """
    if isinstance(source, Config):
        config = resolve(source, runs_dir)
    else:
        with Store(source / STATE, readonly=True) as store:
            config = stored_config(store, source)
    session = Session(config.data, config.seed, choose_device(config.device))
    models = Models(session, config, weights_folder(config), lambda *_: None)
    classifier = models.classifier
    return ClassifierCard(
        title, config.classifier.kind, _compared_with(config.classifier.kind, config.classifier.calibration),
        classifier.values, classifier.confusion, abstaining(classifier, models.detector),
    )  # fmt: skip


def _compared_with(kind: str, calibration: str) -> str:
    if kind == "shipped":
        return "compared with renders of the pocket world that it was not trained on"
    if calibration == "none":
        return 'compared with nothing (classifier.calibration = "none")'
    return f"compared with labelled pictures of the corpus's {calibration} set"
