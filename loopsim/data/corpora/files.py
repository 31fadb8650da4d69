"""Pictures in files, in their publishers' own formats, as `data.corpus` names them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import final

from loopsim.config import SPLITS, DataConfig, ResolvedDataConfig, Split
from loopsim.core.errors import ConfigError, DataError
from loopsim.core.text import printable
from loopsim.data.corpora.corpus_kind import CorpusKind, check_data, counted, require_no_options
from loopsim.data.corpus import Corpus
from loopsim.data.files_corpus import FilesCorpus
from loopsim.data.formats import parse_source
from loopsim.data.manifest import Manifest
from loopsim.data.paths import is_file
from loopsim.data.reading import Report
from loopsim.data.survey import manifest_path, survey


@final
class Files(CorpusKind):
    """What [data.train], [data.retrieval] and [data.faces] name, frozen in a manifest."""

    name = "files"

    def check(self, data: DataConfig) -> None:
        require_no_options(data)
        if data.train is None:
            raise ConfigError(
                'corpus = "files" needs [data.train] with a format, for example format = "folder"'
            )
        for split, source in data.sources().items():
            parse_source(source, f"data.{split}")

    def known_sizes(self, data: DataConfig, runs_dir: Path) -> Mapping[Split, int]:
        path = manifest_path(data, runs_dir)
        if not is_file(path):
            return {}
        with _closing(Manifest(path)) as manifest:
            return _sizes(data, manifest)

    def resolve(self, data: DataConfig, runs_dir: Path, report: Report) -> ResolvedDataConfig:
        path = manifest_path(data, runs_dir)
        manifest = Manifest(path) if is_file(path) else survey(data, path, report)
        with _closing(manifest):
            for split in SPLITS:
                _refuse_bad(data, manifest, split)
            sizes = _sizes(data, manifest)
        for split, size in sizes.items():
            if size == 0:
                raise DataError(
                    f"{split} has no usable picture; `loopsim data check CONFIG` lists what is wrong with "
                    "its rows"
                )
        return ResolvedDataConfig.of(check_data(data), **counted(data, sizes), manifest=str(path))

    def content_hash(self, data: ResolvedDataConfig) -> str:
        assert data.manifest is not None, "resolve names the manifest"
        with _closing(Manifest(Path(data.manifest))) as manifest:
            return manifest.hash

    def open(self, data: ResolvedDataConfig, seed: int) -> Corpus:
        return FilesCorpus(data, seed)


FILES = Files()


@contextmanager
def _closing(manifest: Manifest) -> Iterator[Manifest]:
    try:
        yield manifest
    finally:
        manifest.close()


def _sizes(data: DataConfig, manifest: Manifest) -> dict[Split, int]:
    sizes: dict[Split, int] = {split: manifest.size(split) for split in SPLITS}
    return sizes if data.faces is not None else sizes | {"faces": sizes["retrieval"]}


def _refuse_bad(data: DataConfig, manifest: Manifest, split: Split) -> None:
    """Raise DataError if too many of a split's rows cannot be used."""
    tally = manifest.tally(split)
    if tally.bad_share > data.max_bad_share:
        rows = "; ".join(f"{row.where}: {row.reason}" for row in manifest.bad_rows(split, 5))
        raise DataError(
            f"{split}: {tally.num_bad:,} of {tally.num_bad + tally.num_items:,} rows are bad "
            f"({tally.bad_share:.1%}, more than data.max_bad_share = {data.max_bad_share:.1%}). The first: "
            f"{printable(rows)}. Mend them, delete {manifest.path} and start again, or raise "
            "data.max_bad_share; `loopsim data check CONFIG` lists more"
        )
