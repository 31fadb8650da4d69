"""Folders and tables that were made to do harm: each with what `data check` has to say about it."""

import io
import json
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tests.helpers import corpora

MARK = "the-secret-mark"
SECRET_COLOUR = (201, 17, 203)


@dataclass(frozen=True)
class Hostile:
    """What makes the corpus in a folder and returns its source, and words of what is said about it: in a bad
    row (`counted`) or as the one error (`refused`).
    """

    make: Callable[[Path], dict[str, Any]]
    counted: str | None = None
    refused: str | None = None
    role: str = "train"


Make = Callable[[Path], dict[str, Any]]


class Corpora(dict[str, Hostile]):
    """Hostile corpora by name."""

    def add(
        self, name: str, *, counted: str | None = None, refused: str | None = None, role: str = "train"
    ) -> Callable[[Make], Make]:
        """Add what the decorated function makes."""

        def decorate(make: Make) -> Make:
            assert name not in self
            self[name] = Hostile(make, counted, refused, role)
            return make

        return decorate


FOLDERS = Corpora()
hostile = FOLDERS.add


def secrets(root: Path) -> Path:
    """What no corpus may show: a picture of one colour, and a text, beside the corpus's own folder."""
    outside = root / "outside"
    outside.mkdir()
    Image.new("RGB", (40, 36), SECRET_COLOUR).save(outside / "secret.png")
    (outside / "secret.csv").write_text(f"file,caption,sex,skin\npictures/000.jpg,{MARK},M,lighter\n")
    (outside / "secret.json").write_text(json.dumps({"caption": MARK}))
    return outside


# ---- A folder with a table: 3 sound rows, and what `spoil` adds ----


def folder(root: Path, spoil: Callable[[Path], object], table: str = "captions.csv", **source: Any) -> dict:
    made = corpora.folder(root / "corpus", 3, table)
    spoil(made)
    return corpora.folder_source(made, **source)


def row(root: Path, name: str = "x.png", caption: str = "a caption", more: str = "M,lighter") -> None:
    with (root / "captions.csv").open("a", newline="") as table:
        table.write(f"{name},{caption},{more}\n")


def with_file(root: Path, make: Callable[[Path], object], name: str = "x.png") -> None:
    make(root / name)
    row(root, name)


def sparse(path: Path, size: int, head: bytes = b"") -> None:
    path.write_bytes(head)
    os.truncate(path, size)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes = b"", *, extra: bytes = b"", colour: int = 2) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _simple_pictures() -> None:
    files: dict[str, tuple[Callable[[Path], object], str]] = {
        "a pipe": (lambda p: os.mkfifo(p), "a pipe, not a plain file"),
        "a folder": (lambda p: p.mkdir(), "a folder, not a plain file"),
        "a device": (lambda p: os.symlink("/dev/zero", p), "leads out"),
        "a link out": (lambda p: p.symlink_to(p.parents[1] / "outside/secret.png"), "leads out"),
        "a link to itself": (lambda p: p.symlink_to(p.name), "symbolic links"),
        "a link into proc": (lambda p: p.symlink_to("/proc/self/mem"), "leads out"),
        "empty": (lambda p: p.write_bytes(b""), "not a picture"),
        "12 GB of nothing": (lambda p: sparse(p, 12_000_000_000), "12,000 MB"),
        "a picture of 12 GB": (lambda p: sparse(p, 12_000_000_000, corpora.encoded(1, "PNG")), "12,000 MB"),
        "a decompression bomb": (
            lambda p: p.write_bytes(png(60_000, 60_000, bytes(10**6))),
            "DecompressionBomb",
        ),
        "a picture that lies about its size": (lambda p: p.write_bytes(png(19_000, 5_000)), "damaged"),
        "a long thin picture": (lambda p: Image.new("L", (19_999, 1)).save(p), "no shape"),
        "a bomb of text": (
            lambda p: p.write_bytes(
                png(4, 4, bytes(52), extra=chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(90_000_000))))
            ),
            "not a picture|damaged",
        ),
        "PostScript": (
            lambda p: p.write_bytes(
                b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage"
            ),
            "not a picture",
        ),
        "a PDF": (lambda p: p.write_bytes(b"%PDF-1.4\n1 0 obj\n"), "not a picture"),
        "another format": (lambda p: Image.new("RGB", (9, 9)).save(p, format="PPM"), "not a picture"),
        "a TIFF whose directory is itself": (
            lambda p: p.write_bytes(b"II*\0\x08\0\0\0\xff\xff" + bytes(400)),
            "not a picture|damaged",
        ),
    }
    for what, (make, words) in files.items():
        hostile(f"folder: {what}", counted=words)(
            lambda root, make=make: folder(root, lambda made: with_file(made, make))
        )


_simple_pictures()


@hostile("folder: two bombs of the largest size allowed")
def _(root: Path) -> dict:
    data = io.BytesIO()
    Image.new("RGBA", (10_000, 10_000), (5, 6, 7, 128)).save(data, format="PNG", compress_level=1)

    def spoil(made: Path) -> None:
        for i in range(2):
            with_file(made, lambda p: p.write_bytes(data.getvalue()), f"large{i}.png")

    return folder(root, spoil)


@hostile("folder: pictures with 190 MB of nothing behind them")
def _(root: Path) -> dict:
    def spoil(made: Path) -> None:
        for i in range(6):
            head = corpora.encoded(i, "PNG")
            with_file(made, lambda p, head=head: sparse(p, 190_000_000, head), f"{i}.png")

    return folder(root, spoil)


for _name, _words in {
    "../outside/secret.png": "leads out",
    "/etc/passwd": "leads out",
    "pictures/../../outside/secret.png": "leads out",
    "..\\outside\\secret.png": "leads out",
    "n" * 256 + ".png": "File name too long",
    "d/" * 600 + "x.png": "leads out",
    "a\0b.png": "leads out|cannot be read",
    "\x1b[31mred.png": "No such file",
}.items():
    hostile(f"folder: a picture named {_name[:30]!r}", counted=_words)(
        lambda root, name=_name: folder(root, lambda made: row(made, name))
    )


def _table(
    name: str, content: bytes | None, words: str, *, refused: bool, table: str = "captions.csv"
) -> None:
    def make(root: Path) -> dict:
        return folder(root, lambda made: (made / table).write_bytes(content or b""), table)

    hostile(f"table: {name}", refused=words if refused else None, counted=None if refused else words)(make)


SOUND = b"file,caption,sex,skin\npictures/000.jpg,a man,M,lighter\n"
SOUND_JSON = b'{"file": "pictures/000.jpg", "caption": "a man", "sex": "M", "skin": "lighter"}\n'
_table("empty", b"", "no column 'file'", refused=True)
_table("UTF-16", SOUND.decode().encode("utf-16"), "UTF-8", refused=True)
_table(
    "a field of 2 MB", SOUND + b'"' + b"a" * 2_000_000 + b'",x,M,lighter\n', "cannot be read", refused=False
)
_table(
    "an open quote",
    SOUND + b'pictures/001.png,"' + (b"so on " * 20 + b"\n") * 12_000,
    "cannot be read",
    refused=False,
)
_table("a million columns", SOUND[:21] + b",c" * 1_000_000 + b"\n" + SOUND[22:] * 300, "", refused=False)
_table("a column twice", b"file,file,caption,sex,skin\na,b,c,M,lighter\n", "2 times", refused=True)
_table("mixed encodings", SOUND + b"pictures/001.png,\xff\xfe\xe9\xed\xa0\x80,M,lighter\n", "", refused=False)
_table(
    "a line of 9 MB", SOUND_JSON + b"[" + b"1," * 4_500_000, "cannot be read", refused=False, table="t.jsonl"
)
_table("deep JSON", SOUND_JSON + b"[" * 200_000 + b"\n", "cannot be read", refused=False, table="t.jsonl")
_table(
    "a huge integer",
    SOUND_JSON + b'{"file": ' + b"1" * 5000 + b"}\n",
    "cannot be read",
    refused=False,
    table="t.jsonl",
)
_table(
    "values of other kinds",
    SOUND_JSON
    + b'{"file": [1], "caption": {}}\n{"file": NaN}\n'
    + SOUND_JSON.replace(b'"M"', b'{"a": ' + b"[" * 400 + b"]" * 400 + b"}"),
    "no file|no label",
    refused=False,
    table="t.jsonl",
)
_table(
    "surrogates",
    SOUND_JSON + SOUND_JSON.replace(b"000.jpg", b"\\ud800.jpg"),
    "leads out",
    refused=False,
    table="t.jsonl",
)
_table(
    "duplicate keys",
    SOUND_JSON.replace(b"{", b'{"file": "../outside/secret.png", '),
    "",
    refused=False,
    table="t.jsonl",
)
_table(
    "3,000 captions of a picture",
    SOUND + b"".join(b"pictures/000.jpg,caption %d,M,lighter\n" % i for i in range(1500)),
    "more than 1,000 captions",
    refused=False,
)
_table(
    "a caption of a million characters",
    SOUND + b"pictures/000.jpg," + b"a" * 900_000 + b",M,lighter\n",
    "a caption of 900,000 characters",
    refused=False,
)


@hostile("table: a pipe", refused="a pipe")
def _(root: Path) -> dict:
    return folder(root, lambda made: ((made / "captions.csv").unlink(), os.mkfifo(made / "captions.csv")))


@hostile("table: a folder", refused="a folder")
def _(root: Path) -> dict:
    return folder(root, lambda made: ((made / "captions.csv").unlink(), (made / "captions.csv").mkdir()))


@hostile("table: a link out", refused="link out")
def _(root: Path) -> dict:
    def spoil(made: Path) -> None:
        (made / "captions.csv").unlink()
        (made / "captions.csv").symlink_to(root / "outside/secret.csv")

    return folder(root, spoil)


@hostile("table: 12 GB of nothing", refused="12,000 MB")
def _(root: Path) -> dict:
    return folder(root, lambda made: sparse(made / "captions.csv", 12_000_000_000))


@hostile("table: 500 MB without a line's end", counted="cannot be read")
def _(root: Path) -> dict:
    return folder(root, lambda made: sparse(made / "captions.csv", 500_000_000, SOUND))


@hostile("table: a name of 300 characters", refused="no such table")
def _(root: Path) -> dict:
    return folder(root, lambda made: None, table="captions.csv") | {"table": "t" * 300 + ".csv"}


@hostile("folder: is a file", refused="no folder")
def _(root: Path) -> dict:
    (root / "corpus").write_text("x")
    return {"format": "folder", "path": str(root / "corpus")}
