"""The pocket world as `data.corpus` names it."""

from collections.abc import Mapping
from pathlib import Path
from typing import final

from loopsim.config import DataConfig, ResolvedDataConfig
from loopsim.core.errors import ConfigError
from loopsim.data.corpora.corpus_kind import CorpusKind, require_no_options, require_no_sources
from loopsim.data.corpus import Corpus
from loopsim.data.openmoji import ATTRIBUTION, IMAGE_SIZE, OpenMojiCorpus
from loopsim.data.reading import Report


@final
class OpenMoji(CorpusKind):
    """Scenes of OpenMoji people, drawn from the world of [data.openmoji]: nothing is read, there is no
    end.
    """

    name = "openmoji"
    knows_its_process = True
    attribution = ATTRIBUTION

    def check(self, data: DataConfig) -> None:
        require_no_sources(data)
        require_no_options(data)
        if data.image_size != IMAGE_SIZE:
            raise ConfigError(
                f"data.image_size = {data.image_size}: the pocket world's pictures are {IMAGE_SIZE} pixels "
                "wide"
            )
        if "all" in (data.num_train, data.num_retrieval, data.num_faces):
            raise ConfigError(f'data.corpus = "{self.name}" has no end: give a number instead of "all"')

    def resolve(self, data: DataConfig, runs_dir: Path, report: Report) -> ResolvedDataConfig:
        return ResolvedDataConfig.of(data)

    def content_hash(self, data: ResolvedDataConfig) -> str | None:
        return None

    def open(self, data: ResolvedDataConfig, seed: int) -> Corpus:
        return OpenMojiCorpus(data.openmoji, seed)

    def professions(self, data: DataConfig) -> Mapping[str, float]:
        return {str(name): share for name, share in data.openmoji.professions.items()}


OPENMOJI = OpenMoji()
