"""The models that take part in a phase: what generations trained, and the frozen ones that measure."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar, final

from loopsim.config import EncoderConfig, ResolvedConfig
from loopsim.context.pictures import read_records
from loopsim.context.session import Session
from loopsim.models.captioners import load_captioner
from loopsim.models.captioners.captioner import Captioner
from loopsim.models.classifiers import (
    AttributeClassifier,
    abstaining,
    label_pictures,
    open_classifier,
    with_confusion,
)
from loopsim.models.classifiers.confusion import confusion_matrices
from loopsim.models.classifiers.people_detector import PeopleDetector, load_detector
from loopsim.models.clip import Clip, frozen_clip, load_clip
from loopsim.models.diffusion.finetuning import load_finetuned
from loopsim.models.diffusion.loading import load_diffusion
from loopsim.models.diffusion.sampler import Sampler, for_sampling
from loopsim.models.diffusion.stable_diffusion import Diffusion

T = TypeVar("T")
CALIBRATION_PICTURES = 2000
FindArtifact = Callable[[int, str, str, int], Path | None]  # generation, phase, part, replicate


@final
class Models:
    """Gives a phase its models; each is opened once a session. What is asked for must be in sections that it
    declared.
    """

    def __init__(self, session: Session, config: ResolvedConfig, weights: Path, find: FindArtifact) -> None:
        self._session, self._config, self._weights, self._find = session, config, weights, find

    def _artifact(self, generation: int, phase: str, part: str, replicate: int) -> Path:
        found = self._find(generation, phase, part, replicate)
        assert found is not None, f"{phase} of generation {generation} is read before it is finished"
        return found

    def clip(self, generation: int, replicate: int = 0) -> Clip:
        """Return CLIP_g, or that of a replicate of the baseline."""
        folder = self._artifact(generation, "train_clip", "clip", replicate)
        return self._session.model(folder, lambda: load_clip(folder, self._session.device))

    def captioner(self, generation: int, replicate: int = 0) -> Captioner:
        """Return captioner_g, or that of a replicate of the baseline."""
        folder = self._artifact(generation, "train_captioner", "captioner", replicate)
        return self._session.model(folder, lambda: load_captioner(folder, self._session.device))

    def base_generator(self) -> Diffusion:
        """Return the Stable Diffusion that the config starts from, opened anew: who asks may train it."""
        self._session.release_generators()
        return load_diffusion(self._config.generator, self._weights / "generator", self._session.device)

    def generator_folder(self, trained_in: int, replicate: int = 0) -> Path | None:
        """Return the folder of SD_g's weights for g = `trained_in`; None is the base model: nothing was
        trained.
        """
        return self._find(trained_in, "finetune", "generator", replicate) if trained_in >= 0 else None

    def generator(self, trained_in: int, replicate: int = 0) -> Diffusion:
        """Return SD_g for g = `trained_in` (the base model for -1), opened anew, as it was trained: float32
        weights that the caller may change.
        """
        model, folder = self.base_generator(), self.generator_folder(trained_in, replicate)
        if folder is not None:
            load_finetuned(model, folder)
        return model

    def sampler(
        self, trained_in: int, replicate: int = 0, *, adapt: Callable[[Sampler], None] | None = None
    ) -> Sampler:
        """Return SD_g for g = `trained_in` (the base model for -1), ready to draw; `adapt` may change it
        first, and then nobody else gets it.
        """
        settings = self._config.generate

        def sampler(model: Diffusion) -> Sampler:
            return Sampler(model, settings.num_steps, settings.guidance, self._config.data.image_size)

        if adapt is not None:
            adapted = sampler(self.generator(trained_in, replicate))
            adapt(adapted)
            adapted.attach()
            for_sampling(adapted.model)
            return adapted
        folder = self.generator_folder(trained_in, replicate)
        key = ("generator", folder, self._config.generator.checkpoint)

        def load() -> Diffusion:
            return for_sampling(self.generator(trained_in, replicate))

        return sampler(self._session.model(key, load, is_generator=True))

    @property
    def encoder(self) -> Clip:
        """The CLIP of `[encoder]`, which no generation trains: a ruler must not bend."""
        section = self._config.encoder
        return self._session.model(
            ("encoder",), lambda: frozen_clip(section, self._weights, self._session.device)
        )

    def frozen_clip(self, section: EncoderConfig) -> Clip:
        """Return a further CLIP that no generation trains."""
        key = ("frozen clip", section.model, section.pretrained)
        return self._session.model(key, lambda: frozen_clip(section, self._weights, self._session.device))

    @property
    def detector(self) -> PeopleDetector | None:
        """What finds the people in pictures, if a detector is configured."""
        name, abstains = self._config.classifier.detector, self._config.classifier.undetected == "nobody"
        if name is None:
            return None
        return self._session.model(
            ("detector",), lambda: load_detector(name, self._session.device, abstains=abstains)
        )

    @property
    def classifier(self) -> AttributeClassifier:
        """The pinned classifier with its confusion matrices: the same in every generation of a run."""
        return self._session.model(("classifier",), self._calibrated)

    def _calibrated(self) -> AttributeClassifier:
        settings, data = self._config.classifier, self._config.data
        classifier = open_classifier(settings, self._weights, self._session.device, lambda: self.encoder)
        if classifier.confusion or settings.calibration == "none":
            return classifier
        corpus = self._session.corpus
        records = corpus.records(
            settings.calibration, min(CALIBRATION_PICTURES, data.counts()[settings.calibration])
        )
        seen = label_pictures(classifier, self.detector, read_records(corpus, records))
        true = [record.groups for record in records]
        matrices = confusion_matrices(classifier.values, true, seen, abstaining(classifier, self.detector))
        return with_confusion(classifier, matrices)

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` gives, made once a session: for what is the same in every generation."""
        return self._session.remember(key, make)
