"""What every row has: a table, a key, and bytes beside its JSON if it has a field for them."""

from dataclasses import dataclass
from typing import ClassVar

from loopsim.store.keys import Key, Table, encode_key


@dataclass(frozen=True)
class Row:
    """Base of every row."""

    TABLE: ClassVar[Table]
    KEY: ClassVar[tuple[str, ...]]
    NAME: ClassVar[str] = ""  # of META's rows, of which there is one each: the whole key
    BLOB: ClassVar[str] = ""

    @property
    def key(self) -> Key:
        """The parts of its key."""
        return (self.NAME,) if self.NAME else tuple(getattr(self, name) for name in self.KEY)

    @property
    def raw_key(self) -> bytes:
        """Its key as the store has it."""
        return encode_key(self.TABLE, *self.key)


@dataclass(frozen=True)
class MetaRow(Row):
    """Base of the rows of which a run has one each."""

    TABLE = Table.META
    KEY = ()
