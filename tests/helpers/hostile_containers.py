"""Shards and saved datasets that were made to do harm: each with what `data check` has to say about it."""

import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

from tests.helpers import corpora
from tests.helpers.hostile_corpora import Corpora, sparse

CONTAINERS = Corpora()
hostile = CONTAINERS.add


def shards(root: Path, spoil: Callable[[Path], object], which: str = "{00000..00001}.tar") -> dict:
    made = corpora.shards(root / "corpus", 2, 2)
    spoil(made / "00001.tar")
    return {"format": "webdataset", "shards": str(made / which), "labels": {"gender": "gender"}}


def member(name: bytes, size: int, kind: bytes = b"0", *, binary: bool = False) -> bytes:
    """A tar header, of any size: negative ones in the base-256 form."""
    header = tarfile.TarInfo(name.decode("latin-1")).tobuf(tarfile.GNU_FORMAT)
    field = size.to_bytes(12, "big", signed=True) if binary else b"%011o\0" % size
    if binary and size >= 0:
        field = b"\x80" + field[1:]
    block = bytearray(header[:512])
    block[124:136], block[156:157], block[148:156] = field, kind, b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


END, BLOCK, JPEG = bytes(1024), b"abcd".ljust(512, b"\0"), corpora.encoded(7)
_tars: dict[str, tuple[Callable[[Path], object], str]] = {
    "a negative size": (
        lambda p: p.write_bytes(member(b"a.txt", 4) + BLOCK + member(b"a.jpg", -1024, binary=True) + END),
        "damaged",
    ),
    "a name of 12 GB": (
        lambda p: sparse(p, 12_100_000_000, member(b"././@LongLink", 12_000_000_000, b"L", binary=True)),
        "a header of",
    ),
    "a negative name": (lambda p: p.write_bytes(member(b"n", -512, b"L", binary=True) + END), "a header of"),
    "ten thousand names of a name": (
        lambda p: p.write_bytes((member(b"n", 4, b"L") + BLOCK) * 10_000 + END), "damaged",
    ),
    "pax headers of 1 GB": (lambda p: sparse(p, 1_100_000_000, member(b"p", 10**9, b"x")), "a header of"),
    "a negative pax size": (
        lambda p: p.write_bytes(
            member(b"p", 14, b"x") + b"14 size=-4096\n".ljust(512, b"\0") + member(b"a.jpg", 9) + BLOCK + END
        ),
        "damaged",
    ),
    "a picture of 12 GB": (
        lambda p: sparse(p, 12_100_000_000, member(b"a.jpg", 12_000_000_000, binary=True)), "12000 MB",
    ),
    "a sparse picture": (lambda p: p.write_bytes(member(b"a.jpg", 0, b"S") + END), "not a plain file"),
    "12 GB of nothing": (lambda p: sparse(p, 12_000_000_000), ""),
    "a pipe": (lambda p: (p.unlink(), os.mkfifo(p)), ""),
    "links": (
        lambda p: p.write_bytes(b"".join(member(b"%c.jpg" % k, 0, b"%c" % k) for k in b"12346") + END),
        "not a plain file",
    ),
    "names that lead out": (
        lambda p: corpora.write_tar(p, [("../../evil.jpg", JPEG), ("/evil.jpg", JPEG)]),
        "leads out of the shard",
    ),
    "names that are no text": (
        lambda p: corpora.write_tar(p, [("\udcff\udcfe.jpg", JPEG), ("\udcff\udcfe.txt", b"x")]),
        "no name that a picture",
    ),
    "JSON of huge integers": (
        lambda p: corpora.write_tar(p, [("a.jpg", JPEG), ("a.json", b"[" + b"1" * 9000 + b"]")]),
        "JSON cannot be read",
    ),
    "deep JSON": (
        lambda p: corpora.write_tar(p, [("a.jpg", JPEG), ("a.json", b"[" * 900_000)]),
        "JSON cannot be read",
    ),
}  # fmt: skip
for _name, (_spoil, _words) in _tars.items():
    hostile(f"shards: {_name}", counted=_words)(lambda root, spoil=_spoil: shards(root, spoil))


@hostile("shards: a thousand million of them", refused="more than 1,000,000 shards")
def _(root: Path) -> dict:
    return {"format": "webdataset", "shards": str(root / "{0..999999999}.tar")}


@hostile("shards: a list that is a device", refused="a device")
def _(root: Path) -> dict:
    return {"format": "webdataset", "shards": "/dev/zero"}


# ---- Saved datasets ----


def saved(root: Path, spoil: Callable[[Path], object], **source: Any) -> dict:
    made = corpora.saved_dataset(root / "corpus", 4)
    spoil(made / "train")
    given = {"format": "saved_dataset", "path": str(made), "split": "train", "caption_columns": ["text"]}
    return given | source


def arrow(made: Path, table: Any, **options: Any) -> None:
    """Replace the dataset's only Arrow file."""
    settings = pyarrow.ipc.IpcWriteOptions(**options)
    path = next(made.glob("*.arrow"))
    with (
        pyarrow.OSFile(str(path), "wb") as sink,
        pyarrow.ipc.new_stream(sink, table.schema, options=settings) as out,
    ):
        out.write_table(table)


def picture_table(pictures: list[dict], texts: list[Any], extra: dict | None = None) -> Any:
    kind = pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()})
    return pyarrow.table({"image": pyarrow.array(pictures, kind), "text": texts} | (extra or {}))


def state(made: Path, **changes: Any) -> None:
    path = made / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _saved_named(made: Path, *names: str) -> None:
    good = {"bytes": corpora.encoded(5, "PNG"), "path": None}
    arrow(made, picture_table([good, *({"bytes": None, "path": n} for n in names)], ["x"] * (len(names) + 1)))


hostile("saved dataset: pictures in files outside", counted="outside of the dataset")(
    lambda root: saved(
        root,
        lambda made: _saved_named(
            made, str(root / "outside/secret.png"), "../../outside/secret.png", "/etc/passwd"
        ),
    )
)
_saved: dict[str, tuple[Callable[[Path], object], str]] = {
    "its file is one outside": (
        lambda m: state(m, _data_files=[{"filename": "../../outside/secret.png"}]), "outside of the dataset",
    ),
    "its file is a pipe": (
        lambda m: ((f := next(m.glob("*.arrow"))).unlink(), os.mkfifo(f)), "a pipe",
    ),
    "no files": (lambda m: state(m, _data_files=7), "not what `save_to_disk`"),
    "deep state": (lambda m: (m / "state.json").write_bytes(b"[" * 200_000), "not valid JSON"),
    "12 GB of nothing": (lambda m: sparse(next(m.glob("*.arrow")), 12 * 10**9), "Arrow|empty"),
    "cut short": (lambda m: os.truncate(next(m.glob("*.arrow")), 900), "not an Arrow file|damaged"),
    "a bomb": (
        lambda m: arrow(
            m, picture_table([{"bytes": bytes(80_000_000), "path": None}], ["x"]), compression="zstd"
        ),
        "compressed",
    ),
    "no pictures in it": (
        lambda m: arrow(m, pyarrow.table({"image": [1, 2], "text": ["a", "b"]})), "holds no pictures",
    ),
    "state is 12 GB": (lambda m: sparse(m / "state.json", 12 * 10**9), "12,000 MB"),
}  # fmt: skip
for _name, (_spoil, _words) in _saved.items():
    hostile(f"saved dataset: {_name}", refused=_words)(lambda root, spoil=_spoil: saved(root, spoil))


@hostile("saved dataset: offsets that lie", refused="not an Arrow file")
def _(root: Path) -> dict:
    def spoil(made: Path) -> None:
        path = next(made.glob("*.arrow"))
        with pyarrow.memory_map(str(path)) as source:
            table = pyarrow.ipc.open_stream(source).read_all()
        offsets = table["image"].chunk(0).field("bytes").buffers()[1].to_pybytes()[:20]
        content = path.read_bytes()
        lie = np.frombuffer(offsets, np.int32).copy()
        lie[2:] = 2**31 - 1
        assert offsets in content
        path.write_bytes(content.replace(offsets, lie.tobytes()))

    return saved(root, spoil)


@hostile("saved dataset: a text of 60 MB, a number, nothing", counted="a text of more than")
def _(root: Path) -> dict:
    good = [{"bytes": corpora.encoded(i, "PNG"), "path": None} for i in range(4)]
    return saved(root, lambda made: arrow(made, picture_table(good, ["a" * 60_000_000, "b", None, "c"])))
