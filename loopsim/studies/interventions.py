"""What stops the drift, what it costs, and whom it harms: whole loops with each remedy and its control, from
the same seeds, compared with the same loops without.

For each seed one loop trains generation 0. Every arm is a branch of it, the one in which nothing is changed
too: all arms of a seed share the baseline, and what they differ in is the remedy.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Final, final

from pydantic import Field, model_validator

from loopsim.config import Config, InterventionConfig, Section, as_toml, override_config, read_toml
from loopsim.core.errors import ConfigError, RunMismatch
from loopsim.core.interrupt import Interrupt
from loopsim.core.run_folder import STATE
from loopsim.interventions.registry import check
from loopsim.loop import run_loop
from loopsim.models.base_weights import weights_folder
from loopsim.models.classifiers import labels_of
from loopsim.models.diffusion.loading import with_family
from loopsim.runs.fork import fork_run
from loopsim.runs.open import open_or_create
from loopsim.runs.resolve import agrees, read_config
from loopsim.runs.stored_config import stored_config
from loopsim.store.store import Store
from loopsim.studies.parallel import Job, cores, run_jobs
from loopsim.studies.sweep import run_cell

NOTHING: Final = "none"  # the arm in which nothing is changed
ROOT = "root"  # of a seed: what all its arms branch off
_FIRST = 1  # the first generation in which arms differ


@final
class Arm(Section):
    """One remedy: its interventions, and whatever else of the config it changes, `key=value`.

    `control` names the arm that it has to beat besides doing nothing: a random direction for a direction.
    """

    interventions: tuple[InterventionConfig, ...] = ()
    set: tuple[str, ...] = ()
    control: str | None = None

    def overrides(self) -> list[str]:
        """Return the arm as overrides of the study's config."""
        entries = [entry.model_dump(mode="json") for entry in self.interventions]
        return [*self.set, *([f"interventions={as_toml(entries)}"] if entries else [])]


@final
class Study(Section):
    """A study: loops of the config `base` as `set` changes it, from each of `seeds`, in each of `arms`."""

    base: str = "pocket"
    set: tuple[str, ...] = ()
    seeds: Annotated[tuple[int, ...], Field(min_length=2)] = (0, 1, 2, 3, 4)
    arms: Annotated[dict[str, Arm], Field(min_length=1)]

    @model_validator(mode="after")
    def _arms_are_told_apart(self) -> "Study":
        for name, arm in self.arms.items():
            if name in (NOTHING, ROOT) or not name or set(name) - set(_LETTERS):
                raise ValueError(
                    f"an arm cannot be called {name!r}: use letters, digits, _ and -; {NOTHING} and {ROOT} "
                    "are there already"
                )
            if arm.control is not None and (arm.control == name or arm.control not in self.arms):
                raise ValueError(f"arms.{name}.control = {arm.control!r} is no other arm of this study")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed is there twice")
        return self

    def all_arms(self) -> dict[str, Arm]:
        """Return the arms with the one in which nothing is changed before them."""
        return {NOTHING: Arm(), **self.arms}

    def config(self, seed: int) -> Config:
        """Return the config of a seed's loop without any remedy. Raises ConfigError."""
        return read_config(self.base, [*self.set, f"seed={seed}"])


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


def read_study(source: str) -> Study:
    """Return the study that a TOML file describes, all its arms checked. Raises ConfigError, naming the file
    and the arm.
    """
    study = read_toml(Study, source)
    plain = study.config(study.seeds[0])
    if plain.generations < _FIRST:
        raise ConfigError(f"{source}: generations = {plain.generations}: a study needs at least one")
    if plain.interventions:
        raise ConfigError(f"{source}: the base has interventions itself; they belong into arms")
    for name, arm in study.arms.items():
        try:
            config = read_config(study.base, [*study.set, *arm.overrides()])
            weights = weights_folder(config)
            check(with_family(config, weights), labels_of(config.classifier, weights))
        except ConfigError as error:
            raise ConfigError(f"{source}: arms.{name}: {error}") from error
    return study


def run_name(arm: str, seed: int) -> str:
    """Return the name of an arm's run."""
    return f"{arm}-seed_{seed}"


def run_study(
    study: Study,
    folder: Path,
    most: int | None,
    interrupt: Interrupt,
    finished: Callable[[str], None] = lambda name: None,
) -> None:
    """Bring every loop of a study to its end, as runs in `folder`, at most `most` at once (by default as many
    as there are cores for their threads); what is finished is not done again.

    Raises Interrupted after a signal, with all saved; RunMismatch if a run there is of another study.
    """
    plain = study.config(study.seeds[0])
    jobs = most or max(1, cores() // (plain.num_threads or cores()))
    roots = [
        Job(run_name(ROOT, seed), run_root, (study, folder, seed))
        for seed in study.seeds
    ]  # fmt: skip
    branches = [
        Job(run_name(name, seed), run_arm, (study, folder, name, seed))
        for name in study.all_arms()
        for seed in study.seeds
    ]
    for wave in (roots, branches):
        run_jobs(wave, jobs, interrupt, lambda job: finished(job.name))


def run_root(study: Study, folder: Path, seed: int, interrupt: Interrupt) -> None:
    """Train a seed's generation 0, in a run of one generation."""
    config = study.config(seed).model_copy(update={"generations": _FIRST})
    run_cell(folder / run_name(ROOT, seed), config, interrupt)


def run_arm(study: Study, folder: Path, arm: str, seed: int, interrupt: Interrupt) -> None:
    """Bring one arm's loop of a seed to its end."""
    root, directory = (folder / run_name(name, seed) for name in (ROOT, arm))
    overrides = [*study.all_arms()[arm].overrides(), f"generations={study.config(seed).generations}"]
    with Store(root / STATE, readonly=True) as store:
        wanted = override_config(stored_config(store, root), overrides)
    if (directory / STATE).exists():
        with Store(directory / STATE, readonly=True) as store:
            if not agrees(wanted, stored_config(store, directory)):
                raise RunMismatch(
                    f"{directory} is of another study: its settings are not those of arms.{arm}; choose "
                    "another --name"
                )
    else:
        fork_run(root, directory, _FIRST, overrides)
    with open_or_create(directory, interrupt=interrupt) as run:
        run_loop(run)


def runs_of(study: Study, folder: Path) -> dict[str, Sequence[Path]]:
    """Return each arm's runs, by the order of the study's seeds."""
    return {name: [folder / run_name(name, seed) for seed in study.seeds] for name in study.all_arms()}


def num_loops(study: Study) -> int:
    """Return how many loops a study has, the seeds' roots among them."""
    return len(study.seeds) * (len(study.all_arms()) + 1)
