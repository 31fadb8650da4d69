"""The one way in: a run is made or opened here, with every check, by commands, sweeps, studies, tests and
scripts alike.
"""

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Literal

from loopsim.config import Config, ResolvedConfig, TrackersConfig, override_config
from loopsim.config.load import parse_section
from loopsim.context.session import Session
from loopsim.core.device import choose_device
from loopsim.core.distributed import World
from loopsim.core.errors import ConfigError, DiskFull, RunExists, RunMismatch, storage_error
from loopsim.core.events import CorpusRead, Listener, RunOpened, unheard
from loopsim.core.files import put_in_place, sweep_dead, sync_folder, temporary_beside
from loopsim.core.interrupt import Interrupt
from loopsim.core.reproducibility import make_reproducible
from loopsim.core.run_folder import SCRATCH, STATE
from loopsim.costs.plan import planned_bytes
from loopsim.data.corpora import CORPORA
from loopsim.interventions.registry import build
from loopsim.models.base_weights import (
    fingerprint_of_parts,
    named_parts,
    weights_folder,
)
from loopsim.models.library_messages import silence_libraries
from loopsim.models.open_all import require_models
from loopsim.phases.registry import phases_of
from loopsim.runs.environment import environment, what_changed
from loopsim.runs.lock import RunLock
from loopsim.runs.resolve import agrees, checked, packages_of, require_trackers, resolve
from loopsim.runs.run import ActiveRun
from loopsim.runs.stored_config import not_found_here, stored_config, tree_of_config
from loopsim.store.integrity import finished_phases
from loopsim.store.row import MetaRow, Row
from loopsim.store.rows import (
    AttemptRow,
    BaseWeightsRow,
    ConfigRow,
    ManifestRow,
    PackagesRow,
    PastRow,
    PhaseRow,
)
from loopsim.store.store import Store
from loopsim.store.tracking_rows import TrackersRow

Expect = Literal["new", "either"]


@contextmanager
def open_or_create(
    directory: Path,
    config: Config | None = None,
    *,
    expect: Expect = "either",
    generations: int | None = None,
    trackers: Sequence[str] = (),
    world: World = World(),  # noqa: B008 - immutable
    emit: Listener = unheard,
    interrupt: Interrupt | None = None,
) -> Iterator[ActiveRun]:
    """Yield the run in `directory`, to be worked on: made with `config` if it is not there, else opened as it
    is.

    `expect` "new" refuses a run that is there already; "either" goes on with it if it is what the config asks
    for. Without a config the run must be there; `generations` extends it, and `trackers`
    ("trackers.KEY=VALUE") change who follows it. On several ranks all call this, and rank 0 decides.

    Raises ConfigError, DataError or DiskFull before anything is written; RunExists, RunMismatch if the run is
    another's or needs what is not here; RunHeld if another process writes to it.
    """
    silence_libraries()
    with nullcontext(interrupt) if interrupt is not None else Interrupt() as stopping:
        lock = None
        if world.is_main:
            if config is not None and (expect == "new" or not (directory / STATE).exists()):
                _create(directory, config, emit)
            # A missing or foreign run is refused before a lock file is made in it.
            Store(directory / STATE, readonly=True).close()
            lock = RunLock(directory)
        try:
            run = _opened(directory, config, generations, trackers, world, emit, stopping, lock)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        with run:
            yield run


def _create(directory: Path, config: Config, emit: Listener) -> None:
    """Make a run of a config: all checks first, then the whole run under another name, then its own."""
    if _is_untouched(directory, config):
        return  # made by this very command, which was killed before it did anything
    if directory.exists() and any(directory.iterdir()):
        go_on = (
            f"go on with `loopsim resume {directory.name}`, or choose"
            if (directory / STATE).exists()
            else "choose"
        )
        raise RunExists(f"{directory} exists already; {go_on} another --name")
    resolved = resolve(
        config, directory.parent, lambda split, done: emit(CorpusRead(split, done)), require_models
    )
    _require_disk(directory, planned_bytes(resolved, directory.parent))
    build_run(directory, [*meta_rows(resolved, directory), *followers(resolved)])


def _is_untouched(directory: Path, config: Config) -> bool:
    """Return whether a run is there that is what the config asks for, and was never worked on."""
    if not (directory / STATE).exists():
        return False
    with Store(directory / STATE, readonly=True) as store:
        fresh = not store.count(AttemptRow) and not store.count(PhaseRow)
        return fresh and agrees(checked(config), stored_config(store, directory))


def meta_rows(config: ResolvedConfig, directory: Path) -> list[MetaRow]:
    """Return the rows of which a new run has one each."""
    packages = {name: (o.package, o.version) for name, o in packages_of(config).items()}
    content = CORPORA.get(config.data.corpus).content_hash(config.data)
    return [
        ConfigRow(tree_of_config(config, directory)),
        *([PackagesRow(packages)] if packages else []),
        *([] if content is None else [ManifestRow(content)]),
        BaseWeightsRow(fingerprint_of_parts(config, weights_folder(config))),
    ]


def followers(config: Config) -> list[TrackersRow]:
    """Return the row of the trackers that follow a new run, if any do."""
    return [trackers_row(config.trackers)] if config.trackers.use else []


def build_run(directory: Path, rows: Sequence[Row]) -> None:
    """Make a run's directory whole or not at all: under a name of this process's own, synced, then
    renamed.
    """
    with new_directory(directory) as place, Store(place / STATE, create=True) as store:
        store.write(rows)


@contextmanager
def new_directory(directory: Path) -> Iterator[Path]:
    """Yield a folder that becomes `directory` when what is inside ends well; what dead processes left is
    swept first.

    Raises RunExists if `directory` is taken meanwhile, DiskFull or StorageFailed if the file system refuses.
    """
    parent = directory.parent
    try:
        made = next(p for p in (parent.absolute(), *parent.absolute().parents) if p.exists())
        parent.mkdir(parents=True, exist_ok=True)
        sweep_dead(parent, directory.name)
        place = temporary_beside(directory)
        place.mkdir()
    except OSError as error:
        raise storage_error(error, directory, directory.name) from error
    try:
        yield place
        try:
            put_in_place(place, directory)
        except OSError as error:
            if directory.exists():
                raise RunExists(
                    f"{directory} was made by another process meanwhile; choose another --name"
                ) from error
            raise storage_error(error, directory, directory.name) from error
        for path in (parent.absolute(), *parent.absolute().parents):
            if path.is_relative_to(made):  # the folders above it may be as new
                sync_folder(path)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _require_disk(directory: Path, needed: float) -> None:
    existing = next(p for p in (directory.absolute(), *directory.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DiskFull(
            f"{existing} has {free / 1e6:.0f} MB free, the plan needs {needed / 1e6:.0f} MB; make room or "
            "choose "
            "--runs-dir elsewhere"
        )


def _opened(
    directory: Path,
    asked: Config | None,
    generations: int | None,
    trackers: Sequence[str],
    world: World,
    emit: Listener,
    interrupt: Interrupt,
    lock: RunLock | None,
) -> ActiveRun:
    with ExitStack() as opened:
        store = opened.enter_context(Store(directory / STATE)) if world.is_main else None
        config = world.broadcast(
            None if store is None else _config_of(store, directory, asked, generations, trackers)
        )
        reader = store or opened.enter_context(Store(directory / STATE, readonly=True))
        make_reproducible(config.num_threads)  # the number of threads is one of the things that may change
        changed, past = tuple(_other_machine(reader, world)), reader.get(PastRow)
        phases = phases_of(config)
        session = Session(config.data, config.seed, choose_device(config.device, world.local_rank))
        if store is not None:
            _require_the_same(store, directory, config)
            shutil.rmtree(directory / SCRATCH, ignore_errors=True)
        run = ActiveRun(
            directory=directory,
            config=config,
            world=world,
            phases=phases,
            emit=emit if world.is_main else unheard,
            interrupt=interrupt,
            weights=weights_folder(config),
            store=store,
            lock=lock,
            reader=reader,
            session=session,
            past=past.entries if past is not None else [],
        )
        num_phases = sum(len(run.planned(generation)) for generation in run.pending())
        finished = len(finished_phases(reader))
        run.emit(RunOpened(str(directory), config.generations, num_phases, finished, changed))
        opened.pop_all()  # the run closes what it reads
        return run


def _config_of(
    store: Store, directory: Path, asked: Config | None, generations: int | None, trackers: Sequence[str]
) -> ResolvedConfig:
    """Return the run's config, extended if asked, and with other trackers. Raises RunMismatch if it is not
    what another config asks for.
    """
    config = stored_config(store, directory)
    if asked is not None and not agrees(checked(asked), config):
        raise RunMismatch(
            f"run {directory} was begun with another config; choose another --name, or delete it"
        )
    if trackers:
        config = _followed(store, directory, config, trackers)
    require_trackers(config.trackers)
    if generations is None or generations == config.generations:
        return config
    if generations < 0:
        raise ConfigError(f"--generations {generations}: must be 0 or more")
    if generations < config.generations:
        raise RunMismatch(
            f"run {directory.name} has {config.generations} generations already; it can only be extended"
        )
    parse_section(Config, {"generations": generations}, "--generations")
    config = config.model_copy(update={"generations": generations})
    store.write([ConfigRow(tree_of_config(config, directory))])
    return config


def _followed(
    store: Store, directory: Path, config: ResolvedConfig, overrides: Sequence[str]
) -> ResolvedConfig:
    """Return the config with other trackers, which the run keeps. Raises ConfigError for any other key."""
    for override in overrides:
        if not override.startswith("trackers."):
            raise ConfigError(
                f"--set {override}: a run goes on as it was begun; only trackers.* may change. To change "
                f"more: loopsim fork {directory.name} --at G --set {override}"
            )
    trackers = override_config(config, overrides).trackers
    store.write([trackers_row(trackers, store.get(TrackersRow))])
    return config.model_copy(update={"trackers": trackers})


def trackers_row(trackers: TrackersConfig, before: TrackersRow | None = None) -> TrackersRow:
    """Return the row of a run's trackers; the name by which they know the run stays."""
    known = uuid.uuid4().hex if before is None else before.id
    return TrackersRow(trackers.model_dump(mode="json"), known)


def _require_the_same(store: Store, directory: Path, config: ResolvedConfig) -> None:
    """Raise RunMismatch unless packages, base weights and corpus are those that the run began with."""
    packages = store.get(PackagesRow)
    now = packages_of(config) if packages is not None else {}
    for name, (package, version) in (packages.packages if packages is not None else {}).items():
        here = now.get(name)
        if here is None:
            way = (
                "run it from that script, which calls loopsim.register"
                if package.startswith("script ")
                else f"pip install {package}=={version}"
            )
            raise RunMismatch(
                f"run {directory.name} needs {name!r}, which {package} {version} brings; it is not "
                f"here: {way}"
            )
    build(config.interventions)
    recorded, weights = store.get(BaseWeightsRow), weights_folder(config)
    if recorded is None or recorded.hash != fingerprint_of_parts(config, weights):
        names = ", ".join(
            sorted({str(weights) if p == "shipped" else p for p in named_parts(config).values()})
        )
        raise RunMismatch(
            f"the base weights ({names}) are not those that run {directory.name} began with; restore them "
            f"to resume{not_found_here(config)}"
        )
    frozen = store.get(ManifestRow)
    if frozen is not None and frozen.hash != CORPORA.get(config.data.corpus).content_hash(config.data):
        raise RunMismatch(
            f"the corpus ({config.data.manifest or config.data.corpus}) is not the one that run "
            f"{directory.name} began with; restore it to resume{not_found_here(config)}"
        )


def _other_machine(reader: Store, world: World) -> list[str]:
    """Return what differs here from where the run's last attempt was made: it may change bits."""
    numbers = reader.keys(AttemptRow)
    last = reader.get(AttemptRow, *numbers[-1]) if numbers else None
    return [] if last is None else what_changed(last.machine, environment(world.size))
