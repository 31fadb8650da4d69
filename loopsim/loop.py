"""The loop: every phase of every generation that is not finished yet."""

from loopsim.runs.run import Run


def run_loop(run: Run) -> None:
    """Bring a run to its last generation. Killed at any instant and called again, it ends with the same
    result.

    Raises Interrupted after a signal, with everything finished so far saved.
    """
    for generation in run.pending():
        for phase in run.planned(generation):
            if run.finished(generation, phase):
                continue
            with run.attempt(generation, phase) as context:
                run.finish(context, phase.body(context))
