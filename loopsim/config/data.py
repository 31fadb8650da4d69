"""Which real data: the embedded world, files in their publishers' own formats, or an installed package's."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, final, get_args

from pydantic import ConfigDict, Field, PositiveInt, field_validator, model_validator

from loopsim.config.base import Section, Share
from loopsim.config.world import OpenMojiConfig

Split = Literal["train", "retrieval", "faces"]
SPLITS: tuple[Split, ...] = get_args(Split)
MAX_DEPTH = 10


def _free_settings(value: Any, depth: int = 0) -> Any:
    """Return settings that nobody has checked yet in one form: keys in order, lists as tuples; what JSON
    would give back as something else (dates, infinities) is refused.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, Mapping):
        return {str(key): _free_settings(value[key], depth + 1) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return tuple(_free_settings(item, depth + 1) for item in value)
    if value is None or isinstance(value, (str, bool, int)) or _is_finite(value):
        return value
    raise ValueError(f"{value!r} is no text, number, list or table")


def _is_finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


@final
class Source(Section):
    """Where pictures are: the name of a corpus format, and the settings that this format has.

    Only the format knows its settings: `loopsim.data.formats.corpus_format.parse_source` checks them.
    """

    model_config = ConfigDict(extra="allow")

    format: str

    @model_validator(mode="before")
    @classmethod
    def _in_one_form(cls, tree: Any) -> Any:
        return _free_settings(tree) if isinstance(tree, Mapping) else tree


class DataConfig(Section):
    """Which real data: the corpus, and how many items train and evaluate ("all": as many as there are).

    With `corpus = "files"`, `train` says where the training pictures are; `retrieval` and `faces` the
    held-out ones. Without `retrieval` a share of `train` is held out for it; without `faces` the retrieval
    set serves for both. `image_size` is the side of the squares that pictures are cut to. `manifest` is the
    file that freezes what was read (default: beside the runs); `values` lists an attribute's known labels
    where a table's own words are not to be trusted; `expected` numbers of items serve `loopsim plan` before
    the corpus was read; more than `max_bad_share` bad rows stop a run. `options` are the settings of a
    corpus that an installed package brings.
    """

    corpus: str = "openmoji"
    num_train: PositiveInt | Literal["all"] = 1500
    num_retrieval: PositiveInt | Literal["all"] = 400
    num_faces: PositiveInt | Literal["all"] = 400
    image_size: PositiveInt = 64
    holdout: Annotated[float, Field(gt=0, lt=1)] = 0.2
    max_bad_share: Share = 0.01
    manifest: str | None = None
    values: dict[str, tuple[str, ...]] = {}
    expected: dict[Split, PositiveInt] = {}
    train: Source | None = None
    retrieval: Source | None = None
    faces: Source | None = None
    openmoji: OpenMojiConfig = OpenMojiConfig()
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _only_the_pocket_world_has_no_end(cls, tree: Any) -> Any:
        if isinstance(tree, dict) and tree.get("corpus", "openmoji") != "openmoji":
            return {f"num_{split}": "all" for split in SPLITS} | tree
        return tree

    @field_validator("options", mode="before")
    @classmethod
    def _options_in_one_form(cls, options: Any) -> Any:
        return _free_settings(options)

    def sources(self) -> dict[Split, Source]:
        """Return the sources that are given, by split."""
        found = {split: getattr(self, split) for split in SPLITS}
        return {split: source for split, source in found.items() if source is not None}

    def counts(self) -> dict[Split, int]:
        """Return the number of items per split. A run's stored config has numbers only; "all" is an error
        here.
        """
        assert "all" not in (self.num_train, self.num_retrieval, self.num_faces), "numbers are resolved"
        return {split: int(getattr(self, f"num_{split}")) for split in SPLITS}


@final
class ResolvedDataConfig(DataConfig):
    """The data of a run: numbers of items, and the manifest's place if the corpus has one."""

    num_train: PositiveInt
    num_retrieval: PositiveInt
    num_faces: PositiveInt

    @classmethod
    def of(cls, data: DataConfig, **changes: Any) -> Self:
        """Return a config's data with what was left open filled in by `changes`."""
        return cls.model_validate(dict(data) | changes)

    def counts(self) -> dict[Split, int]:
        """Return the number of items per split."""
        return {"train": self.num_train, "retrieval": self.num_retrieval, "faces": self.num_faces}
