"""commit: seal the generation."""

from loopsim.context.context import PhaseContext
from loopsim.context.phase import Outputs
from loopsim.store.seals import seal_of


def commit(context: PhaseContext) -> Outputs:
    """Store how many rows of each table the generation has and one hash over them and the seal before, so
    that `verify` can say which generation was changed.
    """
    seal = context.read(lambda store: seal_of(store, context.generation))
    return Outputs(facts={"num_rows": seal.num_rows}, seal=seal)
