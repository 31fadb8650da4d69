"""What a format in which corpora are published is: its name, its settings, and how it is read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, final

from loopsim.config import Section, Source, parse_section
from loopsim.core.choices import Choices
from loopsim.data.reading import Reading, Values

S = TypeVar("S", bound=Section)


@final
@dataclass(frozen=True)
class CorpusFormat(Generic[S]):
    """A format in which corpora are published.

    `name` is the config's `format = "…"`; `settings` its section, with that name as `format`; `read` yields
    an item for each picture, bad rows and what is absent, in the source's order.
    """

    name: str
    settings: type[S]
    read: Callable[[S, Values], Iterator[Reading]]


FORMATS: Choices[CorpusFormat[Any]] = Choices("data.train.format", CorpusFormat, "loopsim.data.formats")


def parse_source(source: Source, key: str) -> Section:
    """Return a source's settings, typed and complete; `key` is the source's own, as in "data.train".

    Raises ConfigError for an unknown format or setting, with the nearest known one.
    """
    settings: type[Section] = FORMATS.get(source.format, f"{key}.format").settings
    return parse_section(settings, source.model_dump(), key=key)


def with_defaults(source: Source, key: str) -> Source:
    """Return a source with every setting written out that it leaves to its format. Raises ConfigError."""
    return Source.model_validate(parse_source(source, key).model_dump())


def read_source(source: Source, key: str, values: Values) -> Iterator[Reading]:
    """Yield what a source holds, in its order. Raises ConfigError, and DataError if it is missing."""
    return FORMATS.get(source.format, f"{key}.format").read(parse_source(source, key), values)
