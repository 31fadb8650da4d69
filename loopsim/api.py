"""The Python interface: loops that are started, resumed and swept, and runs that are read while they go or
afterwards.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar, final

from loopsim.config import Config, ResolvedConfig, as_toml, with_values
from loopsim.core.choices import Choices
from loopsim.core.errors import ConfigError, DataError, RunNotFound
from loopsim.core.events import Event, Listener, unheard
from loopsim.core.run_folder import ARTIFACTS, STATE
from loopsim.report.summary import DriftRow, summarize
from loopsim.runs.catalog import RunState, find_run, free_name, new_place, require_generation, run_state
from loopsim.runs.resolve import read_config
from loopsim.runs.retention import require_kept
from loopsim.runs.stored_config import stored_config
from loopsim.store import artifacts
from loopsim.store.rows import CurationRow, EstimateRow, PhaseRow, SampleRow
from loopsim.store.store import Store

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

    from loopsim.context.training_set import TrainingSet
    from loopsim.models.captioners.captioner import Captioner
    from loopsim.report.text_audit import TextAudit

T = TypeVar("T")


@final
class Rows(list[T], Generic[T]):
    """A list of rows, which are dataclasses, that is also a table."""

    def to_pandas(self) -> "pd.DataFrame":
        """Return the rows as a data frame, a column a field (bytes are left out). Raises DataError without
        pandas.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise DataError("to_pandas() needs pandas: pip install 'loopsim[pandas]'") from error
        return pd.DataFrame([_plain(row) for row in self])


def _plain(row: object) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if not isinstance(value, bytes)}


class OpenClip(NamedTuple):
    """open_clip's own model, its evaluation transform (PIL image -> tensor), and its tokenizer."""

    model: Any
    preprocess: Callable[[Any], Any]
    tokenizer: Callable[[Sequence[str]], Any]


@final
class Sample:
    """One candidate of S_g: `row` has its lineage (caption, prompt, seed, model, slot …), `curation` why it
    was kept.

    `curation` is None while its generation is still being drawn.
    """

    def __init__(self, row: SampleRow, curation: CurationRow | None) -> None:
        self.row, self.curation = row, curation

    @property
    def image(self) -> "Image":
        """The picture, a PIL image."""
        from PIL import Image

        from loopsim.data.images import decode_picture

        return Image.fromarray(decode_picture(self.row.picture))

    @property
    def kept(self) -> bool:
        """Whether it is in S_g."""
        return self.curation is not None and self.curation.kept


@final
class Run:
    """A run to read: finished, interrupted, or still going in another process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store: Store | None = None
        self.state  # noqa: B018 - a folder that is no run is refused here

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the store; what reads it later opens it again."""
        if self._store is not None:
            self._store.close()
            self._store = None

    @property
    def store(self) -> Store:
        """The run's store, read-only: every typed row of `loopsim.store.rows`."""
        if self._store is None:
            self._store = Store(self.path / STATE, readonly=True)
        return self._store

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def state(self) -> RunState:
        """Where it stands now. Raises RunNotFound if it is none."""
        return run_state(self.path)

    @cached_property
    def config(self) -> ResolvedConfig:
        """Its resolved config."""
        return stored_config(self.store, self.path)

    def metrics(self, *names: str) -> Rows[EstimateRow]:
        """Return every estimate so far: metric, group, generation, value, n, interval; of all metrics, or of
        those whose names begin with one of `names`. Raises ConfigError if none does.
        """
        return Rows(summarize(self.path, names).metrics)

    def drift(self, *names: str) -> Rows[DriftRow]:
        """Return how far each estimate is from its baseline's, with interval and verdict; `names` as for
        `metrics`.
        """
        return Rows(summarize(self.path, names).drift)

    def samples(self, generation: int, *, kept_only: bool = False) -> list[Sample]:
        """Return S_g's candidates with their lineage, in order; pictures are decoded when they are asked for.

        Raises RunNotFound if there are none.
        """
        require_generation(self.path, generation, self.state.planned_generations)
        curation = {row.index: row for row in self.store.scan(CurationRow, generation)}
        found = [Sample(row, curation.get(row.index)) for row in self.store.scan(SampleRow, generation)]
        if not found:
            why = "generation 0 is real data only" if generation == 0 else "they have not been drawn yet"
            raise RunNotFound(f"run {self.name} has no samples of generation {generation}: {why}")
        return [sample for sample in found if sample.kept or not kept_only]

    def artifact(self, generation: int, phase: str, part: str) -> Path:
        """Return the folder of trained weights, in their library's own layout. Raises DataError if there is
        none, or it was let go.
        """
        require_generation(self.path, generation, self.state.planned_generations)
        require_kept(self.store, self.name, generation, phase)
        row = self.store.get(PhaseRow, generation, phase)
        name = None if row is None else row.artifacts.get(part)
        if name is None:
            raise DataError(f"run {self.name}: {phase} of generation {generation} left no {part}")
        return artifacts.locate(self.path / ARTIFACTS, name)

    def clip(self, generation: int) -> OpenClip:
        """Return CLIP_g as open_clip loads it."""
        import open_clip

        from loopsim.models.gate import check_model_folder

        folder = self.artifact(generation, "train_clip", "clip")
        check_model_folder(folder)
        name = f"local-dir:{folder}"
        model, preprocess = open_clip.create_model_from_pretrained(name)
        return OpenClip(model.eval(), preprocess, open_clip.get_tokenizer(name))

    def captioner(self, generation: int) -> "Captioner":
        """Return captioner_g; its `module` is the network, transformers' own unless it is a ClipCap."""
        from loopsim.core.device import CPU
        from loopsim.models.captioners import load_captioner

        return load_captioner(self.artifact(generation, "train_captioner", "captioner"), CPU)

    def generator(self, generation: int) -> Any:
        """Return SD_g as a pipeline of diffusers, in float32; the base model if none was trained."""
        from loopsim.models.base_weights import weights_folder
        from loopsim.models.diffusion.finetuning import load_finetuned
        from loopsim.models.diffusion.loading import load_diffusion
        from loopsim.models.library_messages import silence_libraries

        silence_libraries()
        row = self.store.get(PhaseRow, generation, "finetune")
        if row is None:
            raise DataError(f"run {self.name}: SD_{generation} has not been trained")
        model = load_diffusion(self.config.generator, weights_folder(self.config) / "generator")
        if "generator" in row.artifacts:
            load_finetuned(model, self.artifact(generation, "finetune", "generator"))
        return model.pipeline

    def training_set(self, generation: int) -> "TrainingSet":
        """Return D_g: `len`, `captions(position)`, `images(positions)` (uint8 tensors [k, h, w, 3]),
        `slots`.
        """
        from loopsim.context.training_set import TrainingSet, sources_of_dataset
        from loopsim.data.corpora import CORPORA

        sources = sources_of_dataset(self.store, generation)
        if not len(sources.slot):
            raise RunNotFound(f"run {self.name} has no D_{generation} yet")
        corpus = CORPORA.get(self.config.data.corpus).open(self.config.data, self.config.seed)
        return TrainingSet(corpus, self.store, sources)


def register(*values: object) -> None:
    """Let configs of this process name a script's own measures, interventions (classes) and corpora.

    An installed package needs no call: its entry points are found. A run that was started so goes on only
    where the script registers them again; the hash of the script's file is their version. Raises ConfigError
    for a value of another kind.
    """
    from loopsim.data.corpora import CORPORA
    from loopsim.evaluation.measure import MEASURES
    from loopsim.interventions.registry import INTERVENTIONS

    kinds: tuple[Choices[Any], ...] = (MEASURES, INTERVENTIONS, CORPORA)
    for value in values:
        choices = next((choices for choices in kinds if choices.accepts(value)), None)
        if choices is None:
            raise ConfigError(
                f"register({value!r}): neither a Measure, an Intervention class nor a corpus kind"
            )
        choices.register(value)


def _config(config: str | Path | Config, overrides: Mapping[str, Any]) -> Config:
    """Return a config, changed by overrides: sections as mappings, single keys also dotted."""
    read = config if isinstance(config, Config) else read_config(str(config))
    return with_values(read, overrides) if overrides else read


def start(
    config: str | Path | Config = "pocket",
    *,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    listener: Listener = unheard,
    **overrides: Any,
) -> Run:
    """Start a loop, bring it to its end, and return the run.

    `config` is a preset's name, a TOML file or a Config; `overrides` change it: `generations=3`,
    `finetune={"num_steps": 7}` or `**{"finetune.num_steps": 7}`. `name` is one component of a path.
    `listener` hears every event. Raises ConfigError and the like before anything runs, RunExists if the name
    is taken, Interrupted after a signal, with all saved.
    """
    from loopsim.loop import run_loop
    from loopsim.runs.open import open_or_create

    chosen = _config(config, overrides)
    stem = "run" if isinstance(config, Config) else Path(config).stem
    directory = new_place(Path(runs_dir), name or free_name(Path(runs_dir), stem))
    with open_or_create(directory, chosen, expect="new", emit=listener) as run:
        run_loop(run)
    return Run(directory)


def resume(
    run: str | Path | Run | None = None,
    *,
    generations: int | None = None,
    trackers: Mapping[str, Any] | None = None,
    runs_dir: str | Path = "runs",
    listener: Listener = unheard,
) -> Run:
    """Go on with an interrupted loop (by default the latest one), or extend a finished one to more
    `generations`; `trackers` change who follows it: `trackers={"use": ["tensorboard"]}`.
    """
    from loopsim.loop import run_loop
    from loopsim.runs.open import open_or_create

    directory = _directory(run, runs_dir, unfinished=run is None)
    if isinstance(run, Run):
        run.close()  # a process has a store open for reading, or for writing
    changes = [f"trackers.{name}={as_toml(value)}" for name, value in (trackers or {}).items()]
    with open_or_create(directory, generations=generations, trackers=changes, emit=listener) as opened:
        run_loop(opened)
    return Run(directory)


def open_run(run: str | Path | None = None, *, runs_dir: str | Path = "runs") -> Run:
    """Return a run to read, by path or name (by default the latest one). It may still be going. Raises
    RunNotFound.
    """
    return Run(_directory(run, runs_dir))


def _directory(run: str | Path | Run | None, runs_dir: str | Path, *, unfinished: bool = False) -> Path:
    if isinstance(run, Run):
        return run.path
    return find_run(Path(runs_dir), None if run is None else str(run), unfinished=unfinished)


def sweep(
    config: str | Path | Config = "pocket",
    *,
    grid: Mapping[str, Sequence[Any]],
    name: str = "sweep",
    runs_dir: str | Path = "runs",
    listener: Listener = unheard,
    **overrides: Any,
) -> list[tuple[dict[str, Any], Run]]:
    """Run a loop for every combination of the grid's values (`grid={"seed": [0, 1], "compose.alpha": [0.2,
    0.5]}`), each an ordinary run; called again it goes on. Returns (the combination, its run), all validated
    before the first one runs.
    """
    from loopsim.core.interrupt import Interrupt
    from loopsim.studies.sweep import cell_name, run_cell

    base, folder = _config(config, overrides), new_place(Path(runs_dir), name)
    chosen = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    cells = [(setting, _config(base, setting)) for setting in chosen]
    found = []
    with Interrupt() as interrupt:
        for setting, cell in cells:
            directory = folder / cell_name(setting)
            run_cell(directory, cell, interrupt, listener)
            found.append((setting, Run(directory)))
    return found


def audit_text(
    path: str | Path,
    *,
    dominant: Sequence[str] = (),
    subordinated: Sequence[str] = (),
    only: Mapping[str, str] | None = None,
    genders_only: bool = False,
    max_bad_share: float = 0.01,
) -> "TextAudit":
    """Return whom a JSONL file of a language model's texts leaves out and puts down, and in which words
    (docs/text-audit.md).

    Races need the extra `names`; `genders_only` does without. `dominant` and `subordinated` name roles of the
    file's own, `only` the fields that its rows must have. Raises DataError.
    """
    from loopsim.data.first_names import open_first_names
    from loopsim.studies.text_audit import audit_texts, roles_named

    return audit_texts(
        Path(path),
        None if genders_only else open_first_names(),
        roles=roles_named(dominant, subordinated),
        only=only,
        max_bad_share=max_bad_share,
    )


__all__ = [
    "Event", "OpenClip", "Rows", "Run", "Sample", "audit_text", "open_run", "register", "resume", "start",
    "sweep",
]  # fmt: skip
