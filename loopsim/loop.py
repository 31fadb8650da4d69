"""The loop: every phase of every generation that is not finished yet."""

from loopsim.runs.run import ActiveRun
from loopsim.trackers.tracking import followed


def run_loop(run: ActiveRun) -> None:
    """Bring a run to its last generation. Killed at any instant and called again, it ends the same.

    Raises Interrupted after a signal, with everything finished so far saved.
    """
    with followed(run):
        for generation in run.pending():
            for phase in run.planned(generation):
                if run.finished(generation, phase):
                    continue
                with run.attempt(generation, phase) as context:
                    run.finish(context, phase.body(context))
