"""generate: SD_g draws S_{g+1}; captioner_g writes some of the captions, CLIP_g decides which candidates are
kept.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from loopsim.context.context import PhaseContext
from loopsim.context.phase import Outputs
from loopsim.context.sampling import draw_missing, generator_name, open_adapted_generator
from loopsim.context.training_set import TrainingSet
from loopsim.context.workshop import PinnedRulers
from loopsim.core.events import Fact
from loopsim.core.rng import numpy_generator
from loopsim.interventions.base import Candidate, Draw, Intervention, Place
from loopsim.interventions.registry import Acting
from loopsim.models.classifiers import label_pictures
from loopsim.phases.candidates import Planned, num_kept, plan_candidates, pool_sizes
from loopsim.phases.captions import write_captions
from loopsim.phases.curations.curation import CURATIONS, Decision
from loopsim.store.rows import CurationRow, SampleRow


def generate(context: PhaseContext) -> Outputs:
    """Draw every candidate that is not stored yet, score all with CLIP_g, and keep the best."""
    config, made = context.config, context.generation + 1
    kept = num_kept(config, context.generation)
    selecting = context.acting_at(Place.SELECT)
    plan = plan_candidates(config, context.generation, [acting.intervention for acting in selecting])
    captions = write_captions(context, plan)
    draws = [Draw(caption, caption, item.seed) for item, caption in zip(plan, captions, strict=True)]
    told: dict[str, Fact] = {}
    for acting in context.acting_at(Place.PROMPT):
        before, draws = draws, acting.intervention.rewrite(draws)
        facts = acting.intervention.told_of_prompts(before, draws)
        told |= {f"{acting.label}.{name}": fact for name, fact in facts.items()}
    rows = _planned_rows(context, plan, draws)
    draw_missing(context, rows, lambda: open_adapted_generator(context, context.generation))
    samples = context.samples(made, range(len(rows)))
    if samples is None:
        return Outputs(facts={"num_candidates": 0, "num_kept": 0})
    decisions, scores, facts = _curated(context, rows, samples, kept, selecting)
    curation = [
        CurationRow(made, row.index, float(score), is_kept, reason)
        for row, score, (is_kept, reason) in zip(rows, scores, decisions, strict=True)
    ]
    counts: dict[str, Fact] = {
        "num_candidates": len(rows),
        "num_kept": sum(row.kept for row in curation),
        "num_captioner_prompts": sum(row.origin == "captioner" for row in rows),
    }
    return Outputs(curation, facts=counts | told | facts)


def _planned_rows(context: PhaseContext, plan: Sequence[Planned], draws: Sequence[Draw]) -> list[SampleRow]:
    """Return S_{g+1}'s rows, without their pictures."""
    model = generator_name(context, context.generation)
    return [
        SampleRow(
            generation=context.generation + 1,
            index=item.index,
            slot=item.slot,
            group=item.group,
            origin=item.origin,
            caption=draw.caption,
            prompt=draw.prompt,
            seed=draw.seed,
            model=model,
            made_in=context.generation,
            negative=draw.negative,
            guidance=draw.guidance,
        )
        for item, draw in zip(plan, draws, strict=True)
    ]


def _curated(
    context: PhaseContext,
    rows: Sequence[SampleRow],
    samples: TrainingSet,
    kept: int,
    selecting: Sequence[Acting],
) -> tuple[list[Decision], np.ndarray, dict[str, Fact]]:
    """Return each candidate's decision and CLIP_g score, and what interventions tell of their selection."""
    clip = context.models.clip(context.generation)
    texts = clip.encode_texts([row.caption for row in rows])
    scores = (clip.encode_batches(samples.batches()) * texts).sum(-1).double().numpy()
    decisions = CURATIONS.get(context.config.generate.curation).decide(
        scores, [row.group for row in rows], kept
    )
    if not selecting:
        return decisions, scores, {}
    pool = [
        Candidate(row.index, row.slot, row.group, row.caption, float(score), {}, is_kept, row.prompt)
        for row, score, (is_kept, _) in zip(rows, scores, decisions, strict=True)
    ]
    decisions, facts = _selected(context, pool, samples, kept, selecting)
    return decisions, scores, facts


def _selected(
    context: PhaseContext,
    pool: Sequence[Candidate],
    samples: TrainingSet,
    kept: int,
    selecting: Sequence[Acting],
) -> tuple[list[Decision], dict[str, Fact]]:
    """Return each candidate's decision, and what there is to tell: each intervention chooses among what the
    one before it left, as many as the next one wants.
    """
    if any(acting.intervention.asks_labels for acting in selecting):
        labels = label_pictures(context.models.classifier, context.models.detector, samples.batches())
        pool = [replace(one, labels=label) for one, label in zip(pool, labels, strict=True)]
    decisions: list[Decision] = [(False, "")] * len(pool)
    wanted = [*pool_sizes(kept, [acting.intervention for acting in selecting])[1:], kept]
    facts: dict[str, Fact] = {}
    left = list(range(len(pool)))
    for acting, num in zip(selecting, wanted, strict=True):
        intervention = acting.intervention
        if intervention.asks_labels:
            intervention = intervention.with_label_values(context.models.classifier.values)
        offered = _judged([pool[i] for i in left], intervention, samples.select(left), context)
        rng = numpy_generator(context.config.seed, context.generation, "generate", intervention.name)
        chosen = intervention.select(offered, num, rng)
        told = {**intervention.told(offered, chosen), "shortfall": max(0, num - len(chosen))}
        facts |= {f"{acting.label}.{name}": fact for name, fact in told.items()}
        known = {left[position] for position in chosen}
        for i in left:
            decisions[i] = (i in known, ("" if i in known else "not ") + f"chosen by {intervention.name}")
        left = sorted(known)
    return decisions, facts


def _judged(
    offered: Sequence[Candidate], intervention: Intervention, pictures: TrainingSet, context: PhaseContext
) -> list[Candidate]:
    """Return candidates with the scores that an intervention asks for."""
    if not offered:
        return []
    scores = intervention.judge(pictures, PinnedRulers(context))
    return [
        replace(one, rewards={name: float(values[i]) for name, values in scores.items()})
        for i, one in enumerate(offered)
    ]
