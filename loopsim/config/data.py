"""Which real data: the embedded world, or files in their publishers' own formats."""

from typing import Annotated, Any, Literal, final

from pydantic import Field, PositiveInt, model_validator

from loopsim.config.base import Section, Share
from loopsim.config.world import OpenMojiConfig

Paths = str | tuple[str, ...]


class TableConfig(Section):
    """Where a table keeps things. `labels` maps sensitive attributes to the columns (or JSON fields) that
    hold them.
    """

    image_column: str = "file"
    caption_columns: tuple[str, ...] = ("caption",)
    labels: dict[str, str] = {}


@final
class FolderSource(TableConfig):
    """A folder of pictures, and a CSV or JSONL file (`table`; default: the only one in the folder) with a row
    for each picture or caption.
    """

    format: Literal["folder"]
    path: str
    table: str | None = None


@final
class CocoSource(Section):
    """COCO 2014 or 2017: `captions_*.json` files and image folders; or Karpathy's `dataset_coco.json` with
    the splits that are wanted.

    `labels` is Zhao et al.'s `images_val2014.csv`; with it only labelled images are read, if `labelled_only`.
    """

    format: Literal["coco"]
    images: Paths
    captions: Paths = ()
    karpathy: str | None = None
    karpathy_splits: tuple[str, ...] = ("train", "restval")
    labels: str | None = None
    labelled_only: bool = False

    @model_validator(mode="after")
    def _captions_come_from_one_place(self) -> "CocoSource":
        if bool(self.captions) == bool(self.karpathy):
            raise ValueError(
                "give captions (captions_*.json) or karpathy (dataset_coco.json), one of the two"
            )
        return self


@final
class WebDatasetSource(Section):
    """Tar shards as img2dataset writes them. `shards`: paths with braces (`cc3m/{00000..00331}.tar`), or a
    text file that lists one a line.

    `labels` maps sensitive attributes to fields of each sample's JSON. Shards that are missing are passed
    over and counted: links die.
    """

    format: Literal["webdataset"]
    shards: Paths
    caption_field: str | None = None
    labels: dict[str, str] = {}


@final
class FairFaceSource(Section):
    """FairFace: `fairface_label_train.csv` (file, age, gender, race, service_test) and the folder that its
    `file` column starts from.
    """

    format: Literal["fairface"]
    labels: str
    images: str


@final
class PhaseSource(Section):
    """PHASE: its region-level or all-annotators JSON, and the folder of pictures, named by image id.

    `unit`: whole images, labelled where every annotated person agrees, or each person's region.
    """

    format: Literal["phase"]
    annotations: str
    images: str
    unit: Literal["image", "region"] = "image"


@final
class SavedDatasetSource(TableConfig):
    """What `datasets.Dataset.save_to_disk` wrote (needs the package `datasets`)."""

    format: Literal["saved_dataset"]
    path: str
    split: str | None = None
    image_column: str = "image"


SOURCES = (FolderSource, CocoSource, WebDatasetSource, FairFaceSource, PhaseSource, SavedDatasetSource)
Source = Annotated[
    FolderSource | CocoSource | WebDatasetSource | FairFaceSource | PhaseSource | SavedDatasetSource,
    Field(discriminator="format"),
]


@final
class DataConfig(Section):
    """Which real data: the corpus, and how many items train and evaluate ("all": as many as there are).

    With `corpus = "files"`, `train` says where the training pictures are; `retrieval` and `faces` the
    held-out ones. Without `retrieval` a share of `train` is held out for it; without `faces` the retrieval
    set serves for both. `image_size` is the side of the squares that pictures are cut to. `manifest` is the
    file that freezes what was read (default: beside the runs); `values` lists an attribute's known labels
    where a table's own words are not to be trusted; `expected` numbers of items serve `loopsim plan` before
    the corpus was read; more than `max_bad_share` bad rows stop a run.
    """

    corpus: Literal["openmoji", "files"] = "openmoji"
    num_train: PositiveInt | Literal["all"] = 1500
    num_retrieval: PositiveInt | Literal["all"] = 400
    num_faces: PositiveInt | Literal["all"] = 400
    image_size: PositiveInt = 64
    holdout: Annotated[float, Field(gt=0, lt=1)] = 0.2
    max_bad_share: Share = 0.01
    manifest: str | None = None
    values: dict[str, tuple[str, ...]] = {}
    expected: dict[Literal["train", "retrieval", "faces"], PositiveInt] = {}
    train: Source | None = None
    retrieval: Source | None = None
    faces: Source | None = None
    openmoji: OpenMojiConfig = OpenMojiConfig()

    @model_validator(mode="before")
    @classmethod
    def _files_are_read_whole(cls, tree: Any) -> Any:
        if isinstance(tree, dict) and tree.get("corpus") == "files":
            return {"num_train": "all", "num_retrieval": "all", "num_faces": "all"} | tree
        return tree

    @model_validator(mode="after")
    def _sources_fit_the_corpus(self) -> "DataConfig":
        given = [name for name in ("train", "retrieval", "faces") if getattr(self, name) is not None]
        if self.corpus == "files" and self.train is None:
            raise ValueError(
                'corpus = "files" needs [data.train] with a format, for example format = "folder"'
            )
        if self.corpus == "openmoji" and given:
            raise ValueError(f'[data.{given[0]}] is read with corpus = "files" only')
        if self.corpus == "openmoji" and self.image_size != 64:
            raise ValueError("the pocket world's pictures are 64 pixels wide")
        if self.corpus == "openmoji" and "all" in (self.num_train, self.num_retrieval, self.num_faces):
            raise ValueError('"all" is for corpus = "files": the pocket world has no end')
        return self

    def counts(self) -> dict[str, int]:
        """Return the number of items per role. A run's stored config has numbers only; "all" is an error
        here.
        """
        found = {"train": self.num_train, "retrieval": self.num_retrieval, "faces": self.num_faces}
        assert not isinstance(self.num_train, str), "numbers are settled when the run is created"
        return {role: int(number) for role, number in found.items()}
