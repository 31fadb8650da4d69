"""Checking a corpus against its frozen manifest."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import final

from loopsim.config import SPLITS, DataConfig, Split
from loopsim.core.errors import ConfigError, DataError, RunMismatch
from loopsim.core.text import printable
from loopsim.data.corpora import check_data
from loopsim.data.manifest import Disagreement, Manifest
from loopsim.data.overlap import Overlap, overlap_with_train
from loopsim.data.paths import is_file
from loopsim.data.reading import Report
from loopsim.data.survey import manifest_path, read_through, write_manifest


@final
@dataclass(frozen=True)
class SplitSummary:
    """One split of a corpus: counts, labels by attribute and value, the first bad rows as (where, why), and
    the first labels that rows of one picture disagree about.
    """

    split: str
    num_images: int
    num_captions: int
    num_bad: int
    num_absent: int
    groups: dict[str, dict[str, int]]
    bad_rows: Sequence[tuple[str, str]]
    num_disagreements: int
    disagreements: Sequence[Disagreement]


@final
@dataclass(frozen=True)
class CorpusSummary:
    """A corpus as it was read through; `state` says how its manifest stands to the frozen one, `overlaps`
    which pictures of each held-out split are in train, too.
    """

    manifest: str
    hash: str
    state: str
    splits: Sequence[SplitSummary]
    overlaps: Sequence[Overlap]


def check_corpus(
    config: DataConfig, runs_dir: Path, *, replace: bool, num_rows: int, report: Report
) -> CorpusSummary:
    """Read a corpus through, freeze it in its manifest if it has none, and return what was found.

    Raises RunMismatch if it differs from what is frozen, unless `replace`; ConfigError if the section does
    not fit its corpus.
    """
    check_data(config)
    if config.train is None:
        raise ConfigError(
            f'data.corpus = "{config.corpus}" has no files to check; set corpus = "files" and [data.train]'
        )
    path = manifest_path(config, runs_dir)
    found: list[CorpusSummary] = []

    def make(place: Path) -> None:
        read_through(config, place, report)
        with closing(Manifest(place)) as manifest:
            state = _state(path, manifest.hash, replace=replace)
            splits = [_summary(manifest, split, num_rows) for split in SPLITS]
            seen = [split for split in splits if split.num_images or split.num_bad or split.num_absent]
            held_out = [split for split in SPLITS if split != "train" and manifest.size(split)]
            overlaps = [overlap_with_train(manifest, split, num_rows) for split in held_out]
            found.append(CorpusSummary(str(path), manifest.hash, state, seen, overlaps))

    # Also where it is as frozen: its pictures may lie elsewhere by now.
    write_manifest(path, make)
    return found[0]


def _state(path: Path, found: str, *, replace: bool) -> str:
    """Return how a corpus of that hash stands to the frozen manifest. Raises RunMismatch."""
    if not is_file(path):
        return "frozen now"
    before = Manifest(path)
    before.close()
    if before.hash == found:
        return "as frozen"
    if not replace:
        raise RunMismatch(
            f"the corpus is not what {path} froze (hash {printable(before.hash[:40])}, now {found}): runs "
            "that began with it would see other pictures. "
            "Restore the files, or freeze the new state with --replace"
        )
    return "replaced"


def _summary(manifest: Manifest, split: Split, num_rows: int) -> SplitSummary:
    tally = manifest.tally(split)
    bad = [(row.where, row.reason) for row in manifest.bad_rows(split, num_rows)]
    return SplitSummary(
        split,
        tally.num_items,
        tally.num_captions,
        tally.num_bad,
        tally.num_absent,
        tally.groups,
        bad,
        manifest.num_disagreements(split),
        manifest.disagreements(split, num_rows),
    )


def require_good(summary: CorpusSummary, limit: float) -> None:
    """Raise DataError if a split of a checked corpus has more bad rows than a run would accept."""
    for split in summary.splits:
        share = split.num_bad / max(1, split.num_bad + split.num_images)
        if share > limit:
            raise DataError(
                f"{split.split}: {share:.1%} of the rows are bad, more than data.max_bad_share = "
                f"{limit:.1%}: no run will start on it"
            )
