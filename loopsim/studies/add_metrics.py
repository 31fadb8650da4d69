"""Measuring more of a run that is there already: nothing is trained or generated again."""

from collections.abc import Sequence
from dataclasses import replace

from loopsim.context.phase import REPLICATED, replica
from loopsim.core.errors import ConfigError
from loopsim.phases.evaluate import measure, metric_rows, replicate_rows
from loopsim.runs.run import Run
from loopsim.store.keys import Table


def add_metrics(run: Run, names: Sequence[str], lic_encoder: str | None = None) -> tuple[int, list[str]]:
    """Measure `names` in every evaluated generation and replicate, and store them beside what was sealed.

    `lic_encoder` stands for the run's `evaluate.lic_encoder`, which may not have been named when it began.
    Returns how many generations there were, and the names of the metrics that the measures gave.

    Each generation is one transaction; measured again, the rows are the same. Raises ConfigError if the run
    has measured one of them in its loop.
    """
    already = [name for name in names if name in run.config.evaluate.metrics]
    if already:
        raise ConfigError(
            f"--metric {already[0]}: run {run.directory.name} has it already; see `loopsim report "
            f"{run.directory.name}`"
        )
    count, found = 0, dict[str, None]()
    settings = run.config.evaluate.model_copy(update={"lic_encoder": lic_encoder} if lic_encoder else {})
    config = run.config.model_copy(update={"evaluate": settings})
    for generation in run.pending():
        if run.finished(generation, run.phases["evaluate"]):
            context = replace(run.context(generation, run.phases["evaluate"]), config=config)
            measured = measure(context, names)
            context.write_batch(list(metric_rows(generation, measured, Table.ADDED, Table.ADDED_ITEMS)))
            found |= dict.fromkeys(m.metric for m in measured)
            count += 1
    for replicate in range(1, run.config.evaluate.num_replicates):
        phase = run.phases[replica(REPLICATED[-1], replicate)]
        if run.finished(0, phase):
            context = replace(run.context(0, phase), config=config)
            context.write_batch(list(replicate_rows(replicate, measure(context, names))))
    return count, list(found)
