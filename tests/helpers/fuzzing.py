"""A small valid file for each format and what reads it, from `data check` to training; and mutations of
files: for fuzzers.
"""

import contextlib
import io
import random
from collections.abc import Callable
from pathlib import Path

from loopsim.config import load_config
from loopsim.data.images import BadPicture, examine, square
from loopsim.report.terminal.corpus import print_corpus
from loopsim.report.terminal.screen import Screen
from tests.helpers import corpora
from tests.helpers.manifests import check, data_config, draw, open_for_training

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


def through(root: Path, **roles) -> Callable[[], None]:
    """Return what reads a corpus as its users do: `data check`, what that shows, and the first batches of a
    run. Raises LoopsimError.
    """
    own = {"train": corpora.folder_source(corpora.folder(root / "sound", 12))}
    data = data_config(max_bad_share=1.0, holdout=0.3, **(own | roles))

    def read() -> None:
        found = check(data, root / "runs")
        output = io.StringIO()
        print_corpus(Screen(output, width=200), found)
        assert not any(sign in output.getvalue() for sign in ("\x1b", "\x00"))
        draw(*open_for_training(data, root / "runs"))

    return read


def folder_of(root: Path, table: str) -> Target:
    folder = corpora.folder(root / "own", 6, table)
    return folder / table, through(root, train=corpora.folder_source(folder))


def coco_of(root: Path, which: str) -> Target:
    folder = corpora.coco(root / "coco", 4)
    if which == "karpathy":
        path = folder / "dataset_coco.json"
        source = {"format": "coco", "images": str(folder), "karpathy": str(path)}
        return path, through(root, retrieval=source)
    captions, labels = folder / "annotations/captions_val2014.json", folder / "images_val2014.csv"
    source = {
        "format": "coco",
        "images": str(folder / "val2014"),
        "captions": str(captions),
        "labels": str(labels),
    }
    return captions if which == "captions" else labels, through(root, retrieval=source)


def fairface_of(root: Path) -> Target:
    folder = corpora.fairface(root / "fairface")
    table = folder / "fairface_label_train.csv"
    return table, through(root, faces={"format": "fairface", "labels": str(table), "images": str(folder)})


def phase_of(root: Path, which: str) -> Target:
    folder = corpora.phase(root / "phase")
    path = folder / f"phase_gcc_val_{which}_20221101.json"
    source = {
        "format": "phase",
        "annotations": str(path),
        "images": str(folder / "phase_images"),
        "unit": "region" if which == "regions" else "image",
    }
    return path, through(root, retrieval=source)


def shards_of(root: Path) -> Target:
    path = corpora.shards(root / "shards", 1, 3) / "00000.tar"
    source = {"format": "webdataset", "shards": str(path), "labels": {"gender": "gender"}}
    return path, through(root, retrieval=source)


def saved_of(root: Path, which: str) -> Target:
    folder = corpora.saved_dataset(root / "saved")
    source = {
        "format": "saved_dataset",
        "path": str(folder),
        "split": "train",
        "caption_columns": ["text"],
        "labels": {"gender": "gender"},
    }
    return folder / "train" / which, through(root, retrieval=source)


def manifest_of(root: Path) -> Target:
    data = data_config(train=corpora.folder_source(corpora.folder(root / "sound", 6)), holdout=0.3)
    return Path(check(data, root / "runs").manifest), lambda: draw(*open_for_training(data, root / "runs"))


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
    path.write_text((Path(__file__).parents[2] / "configs/own_folder.toml").read_text())
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
    "saved dataset": lambda root: saved_of(root, "data-00000-of-00001.arrow"),
    "saved dataset's state": lambda root: saved_of(root, "state.json"),
    "manifest": manifest_of,
    "jpeg": lambda root: picture_of(root, "JPEG"),
    "png": lambda root: picture_of(root, "PNG"),
    "webp": lambda root: picture_of(root, "WEBP"),
    "gif": lambda root: picture_of(root, "GIF"),
    "tiff": lambda root: picture_of(root, "TIFF"),
    "config": config_of,
}
