"""What `data.corpus` can name: a kind of corpus, which is checked, resolved and opened."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from loopsim.config import DataConfig, ResolvedDataConfig, Split
from loopsim.core.choices import Choices
from loopsim.core.errors import ConfigError
from loopsim.data.corpus import US_WOMEN, Corpus
from loopsim.data.formats import with_defaults
from loopsim.data.reading import Report


class CorpusKind(ABC):
    """A kind of corpus.

    `name` is the config's `data.corpus`; `knows_its_process` says whether it can draw fresh pictures for any
    prompt (the oracle generator); `attribution` is the credit line that the pictures' licence asks for.
    """

    name: str
    knows_its_process: bool = False
    attribution: str | None = None

    @abstractmethod
    def check(self, data: DataConfig) -> None:
        """Raise ConfigError if the data section does not fit the corpus. No file is opened."""

    def known_sizes(self, data: DataConfig, runs_dir: Path) -> Mapping[Split, int]:
        """Return the number of items per split, of those splits where it is known without reading the corpus
        through.
        """
        return {}

    @abstractmethod
    def resolve(self, data: DataConfig, runs_dir: Path, report: Report) -> ResolvedDataConfig:
        """Return the data of a run: numbers instead of "all", all settings written out. What was never read
        is read through first; `report` hears how far that is.

        Raises DataError if the corpus cannot be used, ConfigError if more items are asked for than there are.
        """

    @abstractmethod
    def content_hash(self, data: ResolvedDataConfig) -> str | None:
        """Return the hash of what the corpus holds, so that a change is noticed when a run goes on; None if
        the config and loopsim's version decide it all.
        """

    @abstractmethod
    def open(self, data: ResolvedDataConfig, seed: int) -> Corpus:
        """Return the corpus of a run with that seed. Raises DataError if it is not what it was."""

    def professions(self, data: DataConfig) -> Mapping[str, float]:
        """Return P(woman | profession) of the neutral prompts, without opening the corpus."""
        return US_WOMEN


CORPORA: Choices[CorpusKind] = Choices("data.corpus", CorpusKind, "loopsim.data.corpora", "loopsim.corpora")


def check_data(data: DataConfig) -> DataConfig:
    """Return the data section with its sources' settings all written out, so that what a later loopsim takes
    by default changes no run. No file is opened.

    Raises ConfigError, with the nearest known name, unless the corpus and all that its section names are
    known and fit together.
    """
    CORPORA.get(data.corpus).check(data)
    return data.model_copy(
        update={split: with_defaults(source, f"data.{split}") for split, source in data.sources().items()}
    )


def require_no_sources(data: DataConfig) -> None:
    """Raise ConfigError if sources are given to a corpus that reads none."""
    for split in data.sources():
        raise ConfigError(f'[data.{split}] is read with corpus = "files" only')


def require_no_options(data: DataConfig) -> None:
    """Raise ConfigError if options are given to a corpus that has none."""
    if data.options:
        raise ConfigError(
            f'data.options = {{{", ".join(data.options)}}}: corpus = "{data.corpus}" has none; they are for '
            "corpora that installed packages bring"
        )


def counted(data: DataConfig, sizes: Mapping[Split, int]) -> dict[str, int]:
    """Return the run's `num_<split>` values, given how many items each split has. Raises ConfigError if more
    are asked for.
    """
    numbers = {}
    for split, size in sizes.items():
        asked = getattr(data, f"num_{split}")
        if asked != "all" and asked > size:
            raise ConfigError(f'data.num_{split} = {asked}: the corpus has {size:,}; lower it, or say "all"')
        numbers[f"num_{split}"] = size if asked == "all" else asked
    return numbers
