"""What people note of a run: outside the digest."""

from dataclasses import dataclass, field
from typing import Annotated, final

from pydantic import Field

from loopsim.store.keys import Table
from loopsim.store.row import Row

Tag = Annotated[str, Field(min_length=1, max_length=60)]


@final
@dataclass(frozen=True)
class NoteRow(Row):
    """A person's text about the run, and tags."""

    TABLE = Table.NOTE
    KEY = ()
    text: Annotated[str, Field(max_length=10_000)] = ""
    tags: list[Tag] = field(default_factory=list)
