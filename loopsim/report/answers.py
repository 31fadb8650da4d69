"""The ten-second answer: what people ask first of a run, in one or two plain sentences each.

Nothing is said that the rows do not hold: a verdict is the report's own, after its correction over all rows;
where there is none, that is "no evidence", with the interval that says how much was not seen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Literal, final

from loopsim.metrics.drift import NO_EVIDENCE, UNKNOWN
from loopsim.metrics.estimate import OVERALL
from loopsim.metrics.reversal import REVERSED
from loopsim.report.plain_words import (
    ARTEFACTS,
    attribute_in_words,
    group_in_words,
    interval,
    number,
    row_in_words,
    signed,
    words_of,
)
from loopsim.report.summary import Summary
from loopsim.report.trajectories import Lost

Says = Literal["worse", "better", "mixed", "no evidence", "not measured"]
TRAINED_ONCE: Final = "retraining noise unknown, each model was trained once (evaluate.num_replicates)"
# Sets of shares in the order in which they answer who is fading: the data before the draws. Of each attribute
# the corrected ones answer; where there are none those that were seen, and that is said.
SHARES: Final = ("dataset_share", "sample_share")
Unsaid = Mapping[tuple[str, str], str]  # metric and group of a row that has no value: why
MODELS: Final = ("recall@1", "cider_d", "gender_error")
PICTURES: Final = ("sample_fd_clip", "sample_recall", "clip_score", "stated_fidelity")


@final
@dataclass(frozen=True)
class Moved:
    """How far one row has moved: its first and last values, Δ with its interval, the verdict, and that of its
    trend ("" without one).
    """

    metric: str
    group: str
    first: float
    last: float
    delta: float
    low: float
    high: float
    verdict: str
    is_bias: bool
    section: str
    trend: str = ""

    @property
    def is_moving(self) -> bool:
        """Whether its trend has a verdict."""
        return self.trend in ("rising", "falling")

    @property
    def clearness(self) -> float:
        """How large Δ is by its own interval."""
        return abs(self.delta) / max(self.high - self.low, 1e-12)

    @property
    def told(self) -> str:
        """The row with its numbers, in words."""
        return (
            f"{row_in_words(self.metric, self.group)} {number(self.first)} → {number(self.last)} "
            f"(Δ {signed(self.delta)} {interval(self.low, self.high)}{self._trend})"
        )

    @property
    def _trend(self) -> str:
        return f", {self.trend}" if self.is_moving else ""

    @property
    def is_better(self) -> bool | None:
        """Whether it moved the better way; None where neither way is, or it did not move."""
        if self.verdict in (NO_EVIDENCE, UNKNOWN, REVERSED) or self.delta == 0:
            return None
        if self.is_bias:
            return self.delta < 0
        better = words_of(self.metric).better
        return None if better is None else (self.delta > 0) == (better == "higher")


@final
@dataclass(frozen=True)
class Answer:
    """A question, what it comes to, the sentences that answer it, and the rows that they are read from."""

    question: str
    says: Says
    text: str
    evidence: tuple[Moved, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {**asdict(self), "evidence": [asdict(row) for row in self.evidence]}


def moved_rows(summary: Summary, generation: int | None = None) -> list[Moved]:
    """Return the rows that have moved, or not, since their baselines, at a generation (the last one)."""
    if not summary.generations:
        return []
    at = summary.generations[-1] if generation is None else generation
    values = {(row.metric, row.group, row.generation): row for row in summary.metrics}
    drifts = {(row.metric, row.group): row for row in summary.drift if row.generation == at}
    found = []
    for (metric, group), moved in drifts.items():
        now = values[metric, group, at]
        before = values.get((metric, group, now.baseline))
        if before is not None and before.value is not None and now.value is not None:
            found.append(
                Moved(
                    metric, group, before.value, now.value, moved.delta, moved.low, moved.high, moved.verdict,
                    now.is_bias, now.section, moved.trend.verdict if moved.trend else "",
                )
            )  # fmt: skip
    return found


def unsaid_rows(summary: Summary, generation: int | None = None) -> dict[tuple[str, str], str]:
    """Return the rows that have no value at a generation (the last one) where they could have moved, and
    why.
    """
    at = generation if generation is not None else summary.generations[-1] if summary.generations else 0
    return {
        (row.metric, row.group): row.reason
        for row in summary.metrics
        if row.generation == at > row.baseline and row.reason
    }


def answers_of(summary: Summary) -> list[Answer]:
    """Return a run's four answers, at its last generation."""
    return answers(moved_rows(summary), unsaid_rows(summary), summary.lost_now)


def answers(
    rows: Sequence[Moved], unsaid: Unsaid = MappingProxyType({}), lost: Sequence[Lost] = ()
) -> list[Answer]:
    """Return the four answers, in order: bias, groups that fade, models, pictures; `unsaid` rows have no
    value, and `lost` groups cannot be measured any more.
    """
    by_place = {(row.metric, row.group): row for row in rows}
    return [
        _bias([row for row in rows if is_social_bias(row.metric, is_bias=row.is_bias)], unsaid),
        _with_lost(_fading(rows, unsaid), lost),
        _quality("Are models worse?", "models", MODELS, by_place),
        _quality("Are pictures worse?", "pictures", PICTURES, by_place),
    ]


def is_social_bias(metric: str, *, is_bias: bool) -> bool:
    """Return whether a row is a bias between people, not a difference in an artefact of pictures."""
    return is_bias and not metric.endswith(ARTEFACTS)


def _bias(rows: Sequence[Moved], unsaid: Unsaid) -> Answer:
    question = "Did bias grow?"
    if not rows:
        return Answer(
            question, "not measured", "Not measured yet: no bias has a baseline and a later value.", ()
        )
    known = [row for row in rows if row.verdict != UNKNOWN]
    if not known:
        return Answer(question, "not measured", f"Cannot be said: {TRAINED_ONCE}.", ())
    grew, shrank = (_clearest(known, verdict) for verdict in ("amplified", "mitigated"))
    turned = sorted(
        (row for row in known if row.verdict == REVERSED), key=lambda row: -abs(row.last - row.first)
    )
    of = f"of {len(known)} measures of bias"
    if grew and shrank:
        says: Says = "mixed"
        text = f"Both: {len(grew)} {of} grew, {len(shrank)} shrank."
    elif grew:
        says, text = "worse", f"Yes, in {len(grew)} {of}; none shrank."
    elif shrank:
        says, text = "better", f"No: {len(shrank)} {of} shrank, none grew."
    elif turned:
        says, text = NO_EVIDENCE, f"Not in size, as far as is seen: none {of} grew or shrank."
    else:
        says, text = NO_EVIDENCE, f"No evidence: none {of} moved further than its noise."
    parts = [text]
    parts += [f"Grew most clearly: {row.told}." for row in grew[:1]]
    parts += [f"Shrank most clearly: {row.told}." for row in shrank[:1]]
    parts += _uncorrected([*grew[:1], *shrank[:1]], unsaid)
    moving = [row for row in known if row.verdict == NO_EVIDENCE and row.is_moving]
    if moving:
        says = "mixed" if says == NO_EVIDENCE else says
        parts.append(f"Not beyond its noise yet, but moving: {moving[0].told}{_more(len(moving) - 1)}.")
    if len(known) < len(rows):
        parts.append(f"Of {len(rows) - len(known)} more it cannot be said: {TRAINED_ONCE}.")
    if turned:
        says = "worse" if says == "worse" else "mixed"
        parts.append(f"{len(turned)} turned to the other side: {'; '.join(map(_turn, turned[:2]))}.")
    shown = (*grew[:3], *shrank[:3], *moving[:1], *turned[:3])
    return Answer(question, says, " ".join(parts), shown)


def _more(number: int) -> str:
    return f" and {number} more" if number > 0 else ""


def _with_lost(answer: Answer, lost: Sequence[Lost]) -> Answer:
    """Return an answer that names the groups which cannot be measured any more."""
    if not lost:
        return answer
    groups = dict.fromkeys(group_in_words(one.group) for one in lost)
    named = ", ".join(list(groups)[:3]) + _more(len(groups) - 3)
    text = f"Lost: {named} cannot be measured any more ({lost[0].reason})."
    return replace(answer, says="worse", text=f"{text} {answer.text}")


def _turn(row: Moved) -> str:
    return f"{row_in_words(row.metric, row.group)} {number(row.first)} → {signed(row.last)}"


def _uncorrected(rows: Sequence[Moved], unsaid: Unsaid) -> list[str]:
    """Say of shares as they were seen why they are not corrected, where they cannot be."""
    gaps = [(f"{row.metric}_corrected", f"{row.group.rpartition(' ')[0]} gap") for row in rows]
    reasons = dict.fromkeys(unsaid[gap] for gap in gaps if gap in unsaid)
    return [f"(These shares are not corrected: {why}.)" for why in reasons]


def _fading(rows: Sequence[Moved], unsaid: Unsaid) -> Answer:
    question = "Who is fading?"
    for metric in SHARES:
        told, untold = _shares(metric, rows, unsaid)
        if told or untold:
            break
    else:
        return Answer(
            question, "not measured", "Not measured yet: no share of a group has a later value.", ()
        )
    of = words_of(metric).name.removeprefix("share of ")
    says, text, evidence = _who_faded(of, told) if told else ("not measured", "", ())
    parts = [text] if told else []
    if any(row.metric == metric for row in told):
        parts.append("(As the classifier sees them: how often it errs is not known.)")
    for attribute, (why, seen) in untold.items():
        lowest = min(seen, key=lambda row: row.delta, default=None)
        as_seen = "" if lowest is None else f"; as it sees {of}, {_share(lowest)}"
        parts.append(f"It cannot be said of {attribute_in_words(attribute)}: {why}{as_seen}.")
        evidence += () if lowest is None else (lowest,)
    without = [row.last for row in rows if row.metric == metric.replace("_share", "_unlabelled")]
    if any(without):
        parts.append(f"({number(without[0])} of {of} have no label, and do not count.)")
    return Answer(question, says, " ".join(parts), evidence)


def _shares(
    metric: str, rows: Sequence[Moved], unsaid: Unsaid
) -> tuple[list[Moved], dict[str, tuple[str, list[Moved]]]]:
    """Return the shares that tell who is fading, and of the attributes of which none does: why, and what was
    seen.
    """
    by_attribute: dict[str, dict[str, list[Moved]]] = {}
    for row in rows:
        attribute, sign, _ = row.group.partition("=")
        if sign and "&" not in row.group:
            by_attribute.setdefault(attribute, {}).setdefault(row.metric, []).append(row)
    reasons = {
        group.removesuffix(" gap"): why
        for kind in (metric, f"{metric}_corrected")
        for (name, group), why in unsaid.items()
        if name == kind and group.endswith(" gap") and "&" not in group
    }
    told, untold = [], {}
    for attribute in dict.fromkeys((*by_attribute, *reasons)):
        mine = by_attribute.get(attribute, {})
        seen, corrected = mine.get(metric, []), mine.get(f"{metric}_corrected", [])
        if attribute in reasons and not corrected:
            untold[attribute] = (reasons[attribute], seen)
        else:
            told += corrected or seen
    return told, untold


def _who_faded(of: str, shares: Sequence[Moved]) -> tuple[Says, str, tuple[Moved, ...]]:
    """Return what shares of pictures come to: the answer, its sentence, and the rows that it is read from."""
    fell, rose = (_clearest(shares, verdict) for verdict in ("fell", "rose"))
    if fell:
        named = "; ".join(_share(row) for row in fell[:3])
        others = len(fell) - 3
        more = f" and {others} more group{'s' if others > 1 else ''}" if others > 0 else ""
        gaining = ", ".join(group_in_words(row.group) for row in rose[:3])
        text = f"Of {of}: {named}{more}." + (f" Growing: {gaining}." if gaining else "")
        return "worse", text, (*fell[:3], *rose[:3])
    if rose:
        text = f"Nobody clearly; of {of} {'; '.join(_share(row) for row in rose[:2])} grew."
        return "mixed", text, tuple(rose[:2])
    lowest = min(shares, key=lambda row: row.delta)
    text = f"No evidence: no group's share of {of} moved further than its noise; lowest: {_share(lowest)}."
    return NO_EVIDENCE, text + _not_after_correction([lowest]), (lowest,)


def _share(row: Moved) -> str:
    return (
        f"{group_in_words(row.group)} {number(row.first)} → {number(row.last)} "
        f"(Δ {signed(row.delta)} {interval(row.low, row.high)}{', ' + row.trend if row.is_moving else ''})"
    )


def _quality(
    question: str, what: str, metrics: Iterable[str], rows: Mapping[tuple[str, str], Moved]
) -> Answer:
    """Return how a few rows of quality have moved."""
    asked = [rows[metric, OVERALL] for metric in metrics if (metric, OVERALL) in rows]
    if not asked:
        return Answer(
            question, "not measured", f"Not measured yet: nothing about {what} has a later value.", ()
        )
    worse, better = ([row for row in asked if row.is_better is way] for way in (False, True))
    unknown = [row for row in asked if row.verdict == UNKNOWN]
    if len(unknown) == len(asked):
        told_rows = "; ".join(row.told for row in unknown)
        return Answer(
            question, "not measured", f"Cannot be said: {told_rows}; {TRAINED_ONCE}.", tuple(unknown)
        )
    still = [row for row in asked if row.is_better is None and row.verdict != UNKNOWN]
    says: Says = "mixed" if worse and better else "worse" if worse else "better" if better else NO_EVIDENCE
    heads = {"mixed": "In part", "worse": "Yes", "better": "No, better", NO_EVIDENCE: "No evidence"}
    parts = [
        f"{word}: " + "; ".join(row.told for row in some)
        for word, some in (("worse", worse), ("better", better))
        if some
    ]
    if still:
        told = still[: 3 - len(worse) - len(better) or 1]
        parts.append("no evidence of change: " + "; ".join(row.told for row in told))
    return Answer(
        question,
        says,
        f"{heads[says]}. {'. '.join(map(_capital, parts))}."
        + _not_after_correction(still)
        + _unsure(unknown),
        tuple(asked),
    )


def _not_after_correction(rows: Sequence[Moved]) -> str:
    """Say so where an interval leaves out zero by itself, and yet there is no verdict."""
    beyond = [row for row in rows if row.verdict == NO_EVIDENCE and (row.low > 0 or row.high < 0)]
    if not beyond:
        return ""
    return " (An interval that leaves out 0 by itself does not survive the correction for all rows.)"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _clearest(rows: Sequence[Moved], verdict: str) -> list[Moved]:
    """Return the rows of a verdict, those whose Δ is largest by their own interval first; what says the same
    less plainly (KL, total variation) last.
    """
    mine = [row for row in rows if row.verdict == verdict]
    return sorted(
        mine,
        key=lambda row: (
            row.group.endswith((" kl", " tv")),
            -row.clearness,
        ),
    )


def _unsure(rows: Sequence[Moved]) -> str:
    return f" (Of {', '.join(row.metric for row in rows)} it cannot be said: {TRAINED_ONCE}.)" if rows else ""
