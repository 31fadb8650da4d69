"""commit: seal the generation."""

from loopsim.context.context import PhaseContext
from loopsim.context.phase import Outputs


def commit(context: PhaseContext) -> Outputs:
    """Store the number of rows and one hash over all of the generation's rows, so that `verify` can say which
    generation was changed.
    """
    count, seal = context.read(lambda store: store.seal(context.generation))
    return Outputs(facts={"num_rows": count}, seal=(count, seal))
