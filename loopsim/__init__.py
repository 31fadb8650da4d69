"""loopsim: does social bias grow, shrink or stay when tomorrow's models train on what today's models made?

    import loopsim

    run = loopsim.start("tiny", generations=2)
    run.drift().to_pandas()

`start`, `resume`, `open_run` and `sweep` give runs, `audit_text` what a file of texts shows. `Measure`,
`Intervention` and `ListedCorpusKind` are what an installed package adds its own metrics, interventions and
corpora with (entry points `loopsim.metrics`, `loopsim.interventions`, `loopsim.corpora`); a script calls
`register`. Nothing is imported before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loopsim.api import OpenClip, Rows, Run, Sample, audit_text, open_run, register, resume, start, sweep
    from loopsim.config import Config
    from loopsim.core.errors import LoopsimError
    from loopsim.data.own_corpus import Example, ListedCorpusKind, Listing
    from loopsim.evaluation.measure import Measure, Measured
    from loopsim.interventions.base import Candidate, Draw, Intervention, Place

# Where each public name lies.
_PUBLIC = {
    **dict.fromkeys(("OpenClip", "Rows", "Run", "Sample"), "loopsim.api"),
    **dict.fromkeys(("audit_text", "open_run", "register", "resume", "start", "sweep"), "loopsim.api"),
    "Config": "loopsim.config",
    "LoopsimError": "loopsim.core.errors",
    **dict.fromkeys(("Example", "ListedCorpusKind", "Listing"), "loopsim.data.own_corpus"),
    **dict.fromkeys(("Measure", "Measured"), "loopsim.evaluation.measure"),
    **dict.fromkeys(("Candidate", "Draw", "Intervention", "Place"), "loopsim.interventions.base"),
}

__all__ = [
    "Candidate", "Config", "Draw", "Example", "Intervention", "ListedCorpusKind", "Listing", "LoopsimError",
    "Measure", "Measured", "OpenClip", "Place", "Rows", "Run", "Sample", "audit_text", "open_run", "register",
    "resume", "start", "sweep",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'loopsim' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
