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
class Alike:
    """How alike the pictures of a group look: the mean cosine over pairs of its pictures, and over pairs for
    the same prompt, averaged over prompts.
    """

    group: str
    within_group: Estimate
    within_prompt: Estimate


@final
@dataclass(frozen=True)
class Audit:
    """What a model drew. `answers[attribute]` has a PromptAudit for each prompt; `slope` and
    `rank_correlation` compare the shares of women with the world's over the prompts whose share is known
    (None: fewer than two are). `alike` has a row for each group, in the features of `encoder`; without any,
    `encoder` says why not.
    """

    prompts: Sequence[Prompt]
    answers: Mapping[str, Sequence[PromptAudit]]
    slope: Estimate | None
    rank_correlation: Estimate | None
    encoder: str = ""
    alike: Sequence[Alike] = ()


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
                "unlabelled": answer.unlabelled,
                "shares": shares,
                "majority": answer.majority,
                "majority_share": answer.majority_share,
                "sd": answer.sd,
            }
            rows.append(row if prompt.women is None else row | {"world_share_of_women": prompt.women})
    over = {
        name: _estimate(e)
        for name, e in (("slope", audit.slope), ("rank_correlation", audit.rank_correlation))
        if e is not None
    }
    alike = [
        {
            "group": row.group,
            "within_group": _estimate(row.within_group),
            "within_prompt": _estimate(row.within_prompt),
        }
        for row in audit.alike
    ]
    return {
        "model": model,
        "prompts": rows,
        "against_world": over,
        "homogenisation": {"encoder": audit.encoder, "groups": alike},
    }


def _estimate(e: Estimate) -> dict[str, Any]:
    return {"value": e.value, "n": e.n, "low": e.low, "high": e.high} | (
        {} if e.reason is None else {"reason": e.reason}
    )
