"""What a run must know before it starts, and a config may leave open: how many items there are, and how many
go through a model at a time.
"""

from pathlib import Path

from loopsim.config import Config, DataConfig
from loopsim.core.errors import ConfigError, DataError
from loopsim.costs.batch_size import probe_batches
from loopsim.data.corpus import Split
from loopsim.data.manifest import Manifest
from loopsim.data.survey import SPLITS, Report, manifest_path, survey


def settle(config: Config, runs_dir: Path, report: Report = lambda split, done: None) -> Config:
    """Return the config with every "all" and "auto" replaced by a number, and its corpus frozen in a
    manifest, read through first if it never was.

    Raises DataError if too many of the corpus's rows are bad, ConfigError if more items are asked for than
    there are.
    """
    if config.data.corpus == "files":
        path = manifest_path(config.data, runs_dir)
        manifest = Manifest(path) if path.is_file() else survey(config.data, path, report)
        try:
            config = config.model_copy(update={"data": _counted(config.data, manifest)})
        finally:
            manifest.close()
    return probe_batches(config)


def _counted(data: DataConfig, manifest: Manifest) -> DataConfig:
    for split in SPLITS:
        _refuse_bad(data, manifest, split)
    sizes: dict[Split, int] = {split: manifest.size(split) for split in SPLITS}
    if data.faces is None:
        sizes["faces"] = sizes["retrieval"]
    numbers = {}
    for split, size in sizes.items():
        asked = getattr(data, f"num_{split}")
        if size == 0:
            raise DataError(
                f"{split} has no usable picture; `loopsim data check CONFIG` lists what is wrong with its "
                "rows"
            )
        if asked != "all" and asked > size:
            raise ConfigError(f'data.num_{split} = {asked}: the corpus has {size:,}; lower it, or say "all"')
        numbers[f"num_{split}"] = size if asked == "all" else asked
    return data.model_copy(update=numbers | {"manifest": str(manifest.path)})


def _refuse_bad(data: DataConfig, manifest: Manifest, split: Split) -> None:
    tally = manifest.tally(split)
    if tally.bad_share > data.max_bad_share:
        rows = "\n".join(f"  {row.where}: {row.reason}" for row in manifest.bad_rows(split, 5))
        raise DataError(
            f"{split}: {tally.num_bad:,} of {tally.num_bad + tally.num_items:,} rows are bad "
            f"({tally.bad_share:.1%}, more than data.max_bad_share = "
            f"{data.max_bad_share:.1%}). The first:\n{rows}\nMend them, delete {manifest.path} and start "
            "again, or raise data.max_bad_share; "
            "`loopsim data check CONFIG` lists more"
        )
