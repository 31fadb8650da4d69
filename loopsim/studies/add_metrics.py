"""Measuring more of a run that is there already: nothing is trained or generated again."""

from collections.abc import Sequence
from pathlib import Path

from loopsim.context.phase import Phase
from loopsim.context.phase_names import REPLICATED, replica
from loopsim.core.errors import ConfigError
from loopsim.core.events import Listener, unheard
from loopsim.core.interrupt import Interrupt
from loopsim.evaluation.measure import MEASURES
from loopsim.phases.evaluate import measure, metric_rows, replicate_rows
from loopsim.runs.open import open_or_create
from loopsim.runs.run import ActiveRun
from loopsim.store.rows import AddedSealRow
from loopsim.store.seals import added_seal


def add_metrics(
    directory: Path,
    names: Sequence[str],
    lic_encoder: str | None = None,
    emit: Listener = unheard,
    interrupt: Interrupt | None = None,
) -> tuple[int, list[str]]:
    """Measure `names` in every evaluated generation and replicate of a run, and store them beside what was
    sealed.

    `lic_encoder` stands for the run's `evaluate.lic_encoder`, which may not have been named when it began.
    Returns how many generations there were, and the names of the metrics that the measures gave. Each
    generation is one transaction; measured again, the rows are the same. Raises ConfigError for unknown
    names, or if the loop itself measured one.
    """
    MEASURES.require(names, "--metric")
    with open_or_create(directory, emit=emit, interrupt=interrupt) as run:
        already = [name for name in names if name in run.config.evaluate.metrics]
        if already:
            raise ConfigError(
                f"--metric {already[0]}: run {directory.name} has it already; see `loopsim report "
                f"{directory.name}`"
            )
        count, found = 0, dict[str, None]()
        for generation in run.pending():
            phase = run.phases["evaluate"]
            if run.finished(generation, phase):
                found |= dict.fromkeys(_add(run, generation, phase, names, lic_encoder))
                count += 1
        for replicate in range(1, run.config.evaluate.num_replicates):
            phase = run.phases[replica(REPLICATED[-1], replicate)]
            if run.finished(0, phase):
                _add(run, 0, phase, [name for name in names if MEASURES.get(name).asks_model], lic_encoder)
    return count, list(found)


def _add(
    run: ActiveRun, generation: int, phase: Phase, names: Sequence[str], lic_encoder: str | None
) -> list[str]:
    config = run.config_at(generation, phase)
    if lic_encoder is not None:
        settings = config.evaluate.model_copy(update={"lic_encoder": lic_encoder})
        config = config.model_copy(update={"evaluate": settings})
    context = run.context(generation, phase, config)
    results = measure(context, names)
    rows = list(
        replicate_rows(phase.replicate, results, added=True)
        if phase.replicate
        else metric_rows(generation, results, added=True)
    )
    if context.store is not None:
        seal = added_seal(context.store, generation, rows)
        context.write_batch([*rows, AddedSealRow(generation, seal)])
    return [result.metric for result in results]
