"""Readers and a small valid file for each, and mutations of files: for fuzzers."""

import contextlib
import io
import random
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import Console

from loopsim.config import load_config
from loopsim.data.check import CorpusSummary, SplitSummary
from loopsim.data.formats.coco import CocoSource, read_coco
from loopsim.data.formats.fairface import FairFaceSource, read_fairface
from loopsim.data.formats.folder import FolderSource, read_folder
from loopsim.data.formats.phase_dataset import PhaseSource, read_phase
from loopsim.data.formats.webdataset import WebDatasetSource, read_webdataset
from loopsim.data.images import BadPicture, examine, square
from loopsim.data.reading import Item, Reading
from loopsim.report.terminal.corpus import print_corpus
from tests.helpers import corpora
from tests.helpers.loops import CONFIGS

Target = tuple[Path, Callable[[], object]]
SPICES = [
    b"\x00", b"\x1b[31m", b"[bold red]", b"<script>", b'"', b"'", b"{", b"}", b"[" * 2000, b"]", b",", b"\n",
    b"\r", b"\t", b"../", b"/etc/passwd",
    b"null", b"NaN", b"1e999", b"-1",
    b"99999999999999999999", b"\xff\xfe", b"\xed\xa0\x80", "\u202e".encode(), b"true", b"{}", b"[]",
    b"\\u0000", b"=", b"#",
    b'"""', b"Male", b"A" * 5000, b"word " * 1500,
]  # fmt: skip


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Return data with a few of its bytes changed, cut, doubled, or spiced."""
    found = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(found) + 1)
        match draw.randrange(6):
            case 0 if found:
                found[at % len(found)] ^= 1 << draw.randrange(8)
            case 1:
                found[at:at] = draw.choice(SPICES)
            case 2:
                del found[at : at + draw.randint(1, 40)]
            case 3:
                found[at:at] = found[max(0, at - draw.randint(1, 200)) : at]
            case 4:
                found[at : at + draw.randint(1, 12)] = draw.choice(SPICES)
            case _ if draw.random() < 0.3:
                del found[at:]
    return bytes(found)


def consume(readings: Iterable[Reading]) -> None:
    """Read to the end, decode a picture now and then, and show what was skipped."""
    rows = list(readings)
    bad = []
    for row in rows:
        if isinstance(row, Item):
            assert all(caption.isprintable() for caption in row.captions)
            assert all(value.isprintable() for value in row.groups.values())
        elif hasattr(row, "reason"):
            bad.append((row.where, row.reason))
    output = io.StringIO()
    console = Console(file=output, force_terminal=False, width=200)
    print_corpus(
        console,
        CorpusSummary("m", "h", "s", [SplitSummary("train", len(rows), 0, len(bad), 0, {}, bad[:20])]),
    )
    assert "\x1b" not in output.getvalue()
    assert "\x00" not in output.getvalue()


def folder_of(root: Path, table: str) -> Target:
    folder = corpora.folder(root / "own", 6, table)
    source = FolderSource(format="folder", path=str(folder), labels={"gender": "sex", "skin_tone": "skin"})
    return folder / table, lambda: consume(read_folder(source, {}))


def coco_of(root: Path, which: str) -> Target:
    folder = corpora.coco(root / "coco", 4)
    if which == "karpathy":
        source = CocoSource(format="coco", images=str(folder), karpathy=str(folder / "dataset_coco.json"))
        return folder / "dataset_coco.json", lambda: consume(read_coco(source, {}))
    captions = folder / "annotations/captions_val2014.json"
    source = CocoSource(
        format="coco",
        images=str(folder / "val2014"),
        captions=str(captions),
        labels=str(folder / "images_val2014.csv"),
    )
    return captions if which == "captions" else folder / "images_val2014.csv", lambda: consume(
        read_coco(source, {})
    )


def fairface_of(root: Path) -> Target:
    folder = corpora.fairface(root / "fairface")
    source = FairFaceSource(
        format="fairface", labels=str(folder / "fairface_label_train.csv"), images=str(folder)
    )
    return folder / "fairface_label_train.csv", lambda: consume(read_fairface(source, {}))


def phase_of(root: Path, which: str) -> Target:
    folder = corpora.phase(root / "phase")
    path = folder / f"phase_gcc_val_{which}_20221101.json"
    unit = "region" if which == "regions" else "image"
    source = PhaseSource(
        format="phase", annotations=str(path), images=str(folder / "phase_images"), unit=unit
    )
    return path, lambda: consume(read_phase(source, {}))


def shards_of(root: Path) -> Target:
    folder = corpora.shards(root / "shards", 1, 3)
    source = WebDatasetSource(
        format="webdataset", shards=str(folder / "00000.tar"), labels={"gender": "gender"}
    )
    return folder / "00000.tar", lambda: consume(read_webdataset(source, {}))


def picture_of(root: Path, format_: str) -> Target:
    path = root / f"picture.{format_.lower()}"
    path.write_bytes(corpora.encoded(3, format_))

    def look() -> None:
        data = path.read_bytes()
        for work in (
            lambda: examine(data, path.name),
            lambda: square(data, 16),
            lambda: square(data, 16, (2, 2, 20, 30)),
        ):
            with contextlib.suppress(BadPicture):
                work()

    return path, look


def config_of(root: Path) -> Target:
    path = root / "config.toml"
    path.write_text((CONFIGS / "own_folder.toml").read_text())
    return path, lambda: load_config(str(path)) and None


# By name: a function that makes a small valid file in a folder and returns it with its reader.
TARGETS: dict[str, Callable[[Path], Target]] = {
    "folder csv": lambda root: folder_of(root, "captions.csv"),
    "folder jsonl": lambda root: folder_of(root, "captions.jsonl"),
    "coco captions": lambda root: coco_of(root, "captions"),
    "coco karpathy": lambda root: coco_of(root, "karpathy"),
    "coco labels": lambda root: coco_of(root, "labels"),
    "fairface": fairface_of,
    "phase regions": lambda root: phase_of(root, "regions"),
    "phase all": lambda root: phase_of(root, "all"),
    "webdataset": shards_of,
    "jpeg": lambda root: picture_of(root, "JPEG"),
    "png": lambda root: picture_of(root, "PNG"),
    "webp": lambda root: picture_of(root, "WEBP"),
    "gif": lambda root: picture_of(root, "GIF"),
    "tiff": lambda root: picture_of(root, "TIFF"),
    "config": config_of,
}
