"""What an audit of a generator has found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, final

from loopsim.metrics.audit import PromptAudit
from loopsim.metrics.estimate import Estimate

# From here on the slope's interval held the truth in at least 93 % of simulated audits (docs/howto.md); a
# line through fewer prompts speaks of these, and not of a stereotype.
MIN_PICTURES, MIN_PROMPTS = 10, 5


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
class Drawing:
    """How pictures were drawn and labelled. `pipelines_own` names the values that neither a config nor a run
    says: the pipeline's class says them.
    """

    num_steps: int
    guidance: float
    image_size: int
    pipelines_own: tuple[str, ...]
    classifier: str


@final
@dataclass(frozen=True)
class Audit:
    """What a model drew. `answers[attribute]` has a PromptAudit for each prompt; `slope` and
    `rank_correlation` compare the shares of women with the world's over the prompts whose share is known.
    `alike` has a row for each group, in the features of `encoder`; without any, `encoder` says why not.
    """

    prompts: Sequence[Prompt]
    answers: Mapping[str, Sequence[PromptAudit]]
    slope: Estimate
    rank_correlation: Estimate
    drawing: Drawing
    encoder: str = ""
    alike: Sequence[Alike] = ()


def verdict(audit: Audit) -> tuple[Literal["exaggerates", "flattens", "neither"] | None, str]:
    """Return what an audit says of the world's stereotype, or None and why it says nothing: a slope above 1
    exaggerates it, one below flattens it, by an interval from enough prompts and pictures.
    """
    known = [number for number, prompt in enumerate(audit.prompts) if prompt.women is not None]
    if len(known) < MIN_PROMPTS:
        of = f"{len(known) or 'no'} prompt{' has' if len(known) < 2 else 's have'}"
        return None, f"{of} a known share of women in the world; it takes {MIN_PROMPTS}"
    low, high = audit.slope.low, audit.slope.high
    if low is None or high is None:
        return None, audit.slope.reason or "the slope has no interval"
    fewest = min(audit.answers["gender"][number].n for number in known)
    if fewest < MIN_PICTURES:
        are = "picture a prompt is" if fewest == 1 else "pictures a prompt are"
        return None, f"{fewest} {are} too few; it takes {MIN_PICTURES}"
    return "exaggerates" if low > 1 else "flattens" if high < 1 else "neither", ""


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
    word, reason = verdict(audit)
    over = {
        "slope": _estimate(audit.slope),
        "rank_correlation": _estimate(audit.rank_correlation),
        "verdict": word,
    } | ({} if word is not None else {"no_verdict_because": reason})
    drawn_with = asdict(audit.drawing)
    labelled_by = drawn_with.pop("classifier")
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
        "drawn_with": drawn_with,
        "labelled_by": labelled_by,
        "prompts": rows,
        "against_world": over,
        "homogenisation": {"encoder": audit.encoder, "groups": alike},
    }


def _estimate(e: Estimate) -> dict[str, Any]:
    return {"value": e.value, "n": e.n, "low": e.low, "high": e.high} | (
        {} if e.reason is None else {"reason": e.reason}
    )
