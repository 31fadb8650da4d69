"""Pictures of S_g with their lineage, in the layouts that other libraries load."""

import json
import shutil
import tarfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final, final

from loopsim.core.errors import CorruptRun, DataError, RunNotFound
from loopsim.core.packages import require_package
from loopsim.core.run_folder import STATE
from loopsim.export.cards import dataset_card
from loopsim.export.origin import Origin, origin_of
from loopsim.export.place import new_folder
from loopsim.export.text import unicode_text
from loopsim.runs.catalog import require_generation
from loopsim.store.rows import CurationRow, PhaseRow, SampleRow
from loopsim.store.store import Store

_BLOCK: Final = 512  # bytes: a tar file's unit
_SIGNATURES: Final = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg"}


@final
@dataclass(frozen=True)
class SampleChoice:
    """Which pictures are exported: of S_`generation`, with those that curation dropped or without; a shard
    of a WebDataset has `shard_bytes` at most, or one picture.
    """

    generation: int
    all_candidates: bool = False
    shard_bytes: int = 500 * 10**6


@final
@dataclass(frozen=True)
class Exported:
    """A picture's bytes as they are stored, its file's name and suffix, and its lineage."""

    stem: str
    suffix: str
    picture: bytes
    lineage: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.stem}.{self.suffix}"


def export_samples(directory: Path, choice: SampleChoice, layout: str, path: Path) -> int:
    """Write pictures into a new folder, with a dataset card, and return how many.

    `layout` is one of `LAYOUTS`. Raises RunNotFound or DataError if the run has not drawn them, ConfigError
    if the place or a package is not there.
    """
    if layout == "datasets":
        require_package("datasets", "datasets", "--samples datasets")
    with Store(directory / STATE, readonly=True) as store:
        require_drawn(store, directory, choice.generation)
        origin = origin_of(store, directory, choice.generation)
        curation = {row.index: row for row in store.scan(CurationRow, choice.generation)}
        indices = [
            int(index)
            for *_, index in store.keys(SampleRow, choice.generation)
            if choice.all_candidates or (int(index) in curation and curation[int(index)].kept)
        ]
        if not indices:
            raise DataError(
                f"run {directory.name}: curation kept no picture of S_{choice.generation}; "
                "--all-candidates exports those that it dropped"
            )
        count = len(indices)
        with new_folder(path) as place:
            rows = (store.get(SampleRow, choice.generation, index) for index in indices)
            samples = (_exported(row, curation.get(row.index), origin) for row in rows if row is not None)
            LAYOUTS[layout](samples, place, choice.shard_bytes)
            card = dataset_card(origin, layout, count, choice.all_candidates)
            (place / "README.md").write_text(card, encoding="utf-8")
        return count


def require_drawn(store: Store, directory: Path, generation: int) -> None:
    """Raise RunNotFound unless the run has such a generation, DataError unless S_g is drawn to its end."""
    from loopsim.runs.stored_config import stored_config

    require_generation(directory, generation, stored_config(store, directory).generations)
    if generation == 0:
        raise RunNotFound(f"run {directory.name}: generation 0 is real data only; the first is -g 1")
    if store.get(PhaseRow, generation - 1, "generate") is None:
        raise DataError(
            f"run {directory.name}: S_{generation} is not drawn to its end yet; go on with "
            f"`loopsim resume {directory.name}`"
        )


def _exported(row: SampleRow, curation: CurationRow | None, origin: Origin) -> Exported:
    suffix = next((kind for start, kind in _SIGNATURES.items() if row.picture.startswith(start)), None)
    if suffix is None:
        raise CorruptRun(
            f"candidate {row.index} of S_{row.generation} is no PNG or JPEG picture; see `loopsim verify`"
        )
    stem = f"g{row.generation}-{row.index:06d}"
    lineage = {
        "file_name": f"{stem}.{suffix}",
        "caption": unicode_text(row.caption),
        "prompt": unicode_text(row.prompt),
        "negative": unicode_text(row.negative),
        "guidance": origin.guidance if row.guidance is None else row.guidance,
        "seed": row.seed,
        "model": row.model,
        "made_in": row.made_in,
        "generation": row.generation,
        "index": row.index,
        "slot": row.slot,
        "origin": row.origin,
        "kept": curation is not None and curation.kept,
        "clip_score": None if curation is None else curation.clip_score,
        "synthetic": True,
    }
    return Exported(stem, suffix, row.picture, lineage)


def _line(lineage: Mapping[str, Any]) -> str:
    return json.dumps(lineage, ensure_ascii=False, allow_nan=False)


def write_folder(samples: Iterable[Exported], place: Path, shard_bytes: int) -> None:  # noqa: ARG001
    """Write picture files and `metadata.jsonl`, as datasets' `imagefolder` loads them."""
    with open(place / "metadata.jsonl", "w", encoding="utf-8") as file:
        for one in samples:
            (place / one.name).write_bytes(one.picture)
            file.write(_line(one.lineage) + "\n")


def write_webdataset(samples: Iterable[Exported], place: Path, shard_bytes: int) -> None:
    """Write tar files; in them each picture, its lineage (.json) and caption (.txt)."""
    number, size = -1, shard_bytes
    with ExitStack() as opened:
        for one in samples:
            members = {
                one.name: one.picture,
                f"{one.stem}.json": _line(one.lineage).encode(),
                f"{one.stem}.txt": str(one.lineage["caption"]).encode(),
            }
            needed = sum(_BLOCK + -(-len(content) // _BLOCK) * _BLOCK for content in members.values())
            if number < 0 or size + needed > shard_bytes:
                opened.close()
                number, size = number + 1, 0
                archive = opened.enter_context(tarfile.open(place / f"samples-{number:06d}.tar", "w"))
            for name, content in members.items():
                entry = tarfile.TarInfo(name)  # its time and owner are 0: equal samples are equal files
                entry.size = len(content)
                archive.addfile(entry, BytesIO(content))
            size += needed


def write_datasets(samples: Iterable[Exported], place: Path, shard_bytes: int) -> None:  # noqa: ARG001
    """Write a folder that `datasets.load_from_disk` opens, the pictures in its column `image`."""
    from datasets import Dataset, Features, Image, Value, disable_progress_bars
    from datasets.arrow_writer import ArrowWriter

    kinds = {str: "string", float: "float64", int: "int64", bool: "bool"}
    features = {"image": Image()} | {name: Value(kinds[kind]) for name, kind in LINEAGE.items()}
    disable_progress_bars()
    rows = place / "rows"  # a data set is not saved over itself
    rows.mkdir()
    with ArrowWriter(features=Features(features), path=str(rows / "rows.arrow")) as writer:
        for one in samples:
            writer.write({"image": {"bytes": one.picture, "path": one.name}, **one.lineage})
        writer.finalize()
    Dataset.from_file(str(rows / "rows.arrow")).save_to_disk(str(place))
    shutil.rmtree(rows)


LINEAGE: Final[Mapping[str, type]] = {
    "file_name": str, "caption": str, "prompt": str, "negative": str, "guidance": float, "seed": int,
    "model": str, "made_in": int, "generation": int, "index": int, "slot": int, "origin": str, "kept": bool,
    "clip_score": float, "synthetic": bool,
}  # fmt: skip
LAYOUTS: Final[Mapping[str, Callable[[Iterable[Exported], Path, int], None]]] = {
    "folder": write_folder,
    "webdataset": write_webdataset,
    "datasets": write_datasets,
}
