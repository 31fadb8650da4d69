"""Checking a corpus against its frozen manifest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from loopsim.config import SPLITS, DataConfig
from loopsim.core.errors import ConfigError, DataError, RunMismatch
from loopsim.data.corpora import check_data
from loopsim.data.manifest import Manifest
from loopsim.data.reading import Report
from loopsim.data.survey import manifest_path, survey


@final
@dataclass(frozen=True)
class SplitSummary:
    """One split of a corpus: counts, labels by attribute and value, and the first bad rows as (where,
    why).
    """

    split: str
    num_images: int
    num_captions: int
    num_bad: int
    num_absent: int
    groups: dict[str, dict[str, int]]
    bad_rows: Sequence[tuple[str, str]]


@final
@dataclass(frozen=True)
class CorpusSummary:
    """A corpus as it was read through; `state` says how its manifest stands to the frozen one."""

    manifest: str
    hash: str
    state: str
    splits: Sequence[SplitSummary]


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
    fresh = path.with_name(f"{path.name}.new")
    manifest = survey(config, fresh, report)
    try:
        frozen = None
        if path.is_file():
            before = Manifest(path)
            frozen = before.hash
            before.close()
        if frozen is not None and frozen != manifest.hash and not replace:
            raise RunMismatch(
                f"the corpus is not what {path} froze (hash {frozen}, now {manifest.hash}): runs that began "
                "with it would see other pictures. "
                "Restore the files, or freeze the new state with --replace"
            )
        state = "frozen now" if frozen is None else "as frozen" if frozen == manifest.hash else "replaced"
        splits = []
        for split in SPLITS:
            tally = manifest.tally(split)
            if tally.num_items or tally.num_bad or tally.num_absent:
                bad = [(row.where, row.reason) for row in manifest.bad_rows(split, num_rows)]
                splits.append(
                    SplitSummary(
                        split,
                        tally.num_items,
                        tally.num_captions,
                        tally.num_bad,
                        tally.num_absent,
                        tally.groups,
                        bad,
                    )
                )
        summary = CorpusSummary(str(path), manifest.hash, state, splits)
        if state == "as frozen":
            fresh.unlink()
        else:
            fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    finally:
        manifest.close()
    return summary


def require_good(summary: CorpusSummary, limit: float) -> None:
    """Raise DataError if a split of a checked corpus has more bad rows than a run would accept."""
    for split in summary.splits:
        share = split.num_bad / max(1, split.num_bad + split.num_images)
        if share > limit:
            raise DataError(
                f"{split.split}: {share:.1%} of the rows are bad, more than data.max_bad_share = "
                f"{limit:.1%}: no run will start on it"
            )
