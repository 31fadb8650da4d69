"""What an audit of a generator has found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from loopsim.metrics.audit import PromptAudit
from loopsim.metrics.estimate import Estimate


@final
@dataclass(frozen=True)
class Prompt:
    """A prompt, and the real-world share of women among those it names, if that is known."""

    text: str
    women: float | None = None


@final
@dataclass(frozen=True)
class Audit:
    """What a model drew. `answers[attribute]` has a PromptAudit for each prompt; `slope` and
    `rank_correlation` compare the shares of women with the world's over the prompts whose share is known
    (None: fewer than two are).
    """

    prompts: Sequence[Prompt]
    answers: Mapping[str, Sequence[PromptAudit]]
    slope: Estimate | None
    rank_correlation: Estimate | None


def audit_as_json(model: str, audit: Audit) -> dict[str, Any]:
    """Return the document that `loopsim audit --json` prints."""
    rows = []
    for attribute, answers in audit.answers.items():
        for prompt, answer in zip(audit.prompts, answers, strict=True):
            shares = {
                group: {"value": share, "low": low, "high": high}
                for group, (share, low, high) in answer.shares.items()
            }
            row = {
                "prompt": answer.prompt,
                "attribute": attribute,
                "n": answer.n,
                "shares": shares,
                "majority": answer.majority,
                "majority_share": answer.majority_share,
                "sd": answer.sd,
            }
            rows.append(row if prompt.women is None else row | {"world_share_of_women": prompt.women})
    over = {
        name: {"value": e.value, "n": e.n, "low": e.low, "high": e.high}
        for name, e in (("slope", audit.slope), ("rank_correlation", audit.rank_correlation))
        if e is not None
    }
    return {"model": model, "prompts": rows, "against_world": over}
