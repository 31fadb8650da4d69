"""Damage to finished runs, past all checks; and the bytes themselves, as LMDB has them."""

import shutil
from dataclasses import replace
from pathlib import Path

import lmdb

from loopsim.store.keys import readable
from loopsim.store.rows import CheckpointRow, ConfigRow, DatasetRow
from loopsim.store.store import Store

_HEADER = 1 + 16  # a value's schema version and checksum; then four bytes of length, JSON, and bytes


def copy_of(finished: tuple[Path, str], root: Path) -> Path:
    """Copy a finished run (its directory and digest) to `root`/run and return that."""
    shutil.copytree(finished[0], root / "run", symlinks=True)
    return root / "run"


def _open(directory: Path) -> lmdb.Environment:
    return lmdb.open(str(directory / "state.lmdb"), map_size=1 << 30)


def raw_rows(directory: Path) -> list[tuple[bytes, bytes]]:
    """Every row's key and value as bytes."""
    with _open(directory) as env, env.begin() as transaction:
        return list(transaction.cursor())


def json_of_rows(directory: Path) -> list[tuple[str, str]]:
    """Every row's table and the text of its JSON."""
    found = []
    for raw_key, value in raw_rows(directory):
        start = _HEADER + 4
        end = start + int.from_bytes(value[_HEADER:start], "big")
        found.append((raw_key.split(b"\0")[0].decode(), value[start:end].decode()))
    return found


def flip_row(directory: Path, name: str, position: int) -> None:
    """Change one bit of the value of the row of that readable key ("dataset/2/0")."""
    (raw_key,) = [raw_key for raw_key, _ in raw_rows(directory) if readable(raw_key) == name]
    with _open(directory) as env, env.begin(write=True) as transaction:
        value = bytearray(transaction.get(raw_key))
        value[position % len(value)] ^= 1 << (position % 8)
        transaction.put(raw_key, bytes(value))


def row_names(directory: Path) -> list[str]:
    """Every row's key as people read it, in the order of the store."""
    return [readable(raw_key) for raw_key, _ in raw_rows(directory)]


def set_schema_version(directory: Path, version: int) -> None:
    """Let every row say that it has that schema."""
    with _open(directory) as env, env.begin(write=True) as transaction:
        for raw_key, value in list(transaction.cursor()):
            transaction.put(raw_key, bytes([version]) + value[1:])


def flip_bit(path: Path, position: int, mask: int = 1) -> None:
    """Change a bit of a file's byte."""
    data = bytearray(path.read_bytes())
    data[position] ^= mask
    path.write_bytes(data)


def rewrite_config(directory: Path, section: str, **changes: object) -> None:
    """Change the config that a run keeps, as no command does: with a valid checksum."""
    with Store(directory / "state.lmdb") as store:
        row = store.get(ConfigRow)
        assert row is not None
        store.write([ConfigRow(row.tree | {section: row.tree[section] | changes})])


def rewrite_dataset_row(directory: Path, generation: int, position: int) -> None:
    """Let D_g have another picture at a position, with a valid checksum."""
    with Store(directory / "state.lmdb") as store:
        row = store.get(DatasetRow, generation, position)
        assert row is not None
        store.write([replace(row, index=row.index + 1)])


def delete_row(directory: Path, raw_key: bytes) -> None:
    """Take a row out, and nothing else."""
    with _open(directory) as env, env.begin(write=True) as transaction:
        assert transaction.delete(raw_key)


def forge_checkpoint(directory: Path, artifact: str) -> None:
    """Let generation 3's CLIP have a checkpoint of that name, with a valid checksum."""
    with Store(directory / "state.lmdb") as store:
        store.write([CheckpointRow(3, "train_clip", 1, artifact)])
