"""generate: SD_g draws S_{g+1}; captioner_g writes some of the prompts, CLIP_g decides which candidates are
kept.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from loopsim.config import Config, GenerateConfig
from loopsim.context.context import PhaseContext
from loopsim.context.model_loading import trained_captioner, trained_clip
from loopsim.context.phase import Outputs
from loopsim.context.sampling import draw_missing, open_generator
from loopsim.context.training_set import load_samples, load_training_set, open_corpus
from loopsim.core.rng import numpy_generator, seed_for
from loopsim.models.captioners.decoding import Decoding
from loopsim.phases.compose import num_needed, slot_order
from loopsim.store.keys import Table, key
from loopsim.store.store import Record


def num_kept(config: Config, generation: int) -> int:
    """Return how many samples S_{g+1} shall have, g = `generation`."""
    needed = num_needed(config.compose, config.data.counts()["train"], generation + 1, config.seed)
    return needed if config.generate.num_samples is None else config.generate.num_samples


def num_candidates(config: GenerateConfig, kept: int) -> int:
    """Return how many pictures are drawn so that `kept` can be kept."""
    match config.curation:
        case "none":
            return kept
        case "best_share":
            return math.ceil(kept / config.keep_share)
        case "best_of_k":
            return kept * config.num_candidates


def plan_candidates(config: Config, generation: int) -> list[dict[str, Any]]:
    """Return every candidate's lineage but its prompt: slot, group (candidates that compete under best_of_k),
    origin of the prompt, seed.
    """
    settings = config.generate
    order = slot_order(config.data.counts()["train"], config.seed)
    copies = settings.num_candidates if settings.curation == "best_of_k" else 1
    share = {"original": 0.0, "captioner": 1.0, "mixed": settings.captioner_share}[settings.prompts]
    drawn_in = generation if settings.fresh_seeds else 0
    plan = []
    for index in range(num_candidates(settings, num_kept(config, generation))):
        group = index // copies
        # The origin is drawn per group: competing candidates answer the same prompt.
        from_captioner = numpy_generator(config.seed, drawn_in, "generate", "origin", group).random() < share
        plan.append({
            "slot": order[group % len(order)],
            "group": group,
            "origin": "captioner" if from_captioner else "original",
            "seed": seed_for(config.seed, drawn_in, "generate", index),
        })  # fmt: skip
    return plan


def write_prompts(context: PhaseContext, plan: Sequence[dict[str, Any]]) -> list[str]:
    """Return each candidate's prompt: a real caption of its slot's picture, or captioner_g's words about what
    stands in D_g for it.
    """
    config, generation = context.config, context.generation
    corpus = open_corpus(config)
    draw = generation if config.compose.policy == "fresh_real" else 0
    prompts = [""] * len(plan)
    groups: dict[
        int, list[int]
    ] = {}  # the D_g picture that the captioner describes -> its candidates' indices
    data = (
        load_training_set(context) if any(candidate["origin"] == "captioner" for candidate in plan) else None
    )
    for index, candidate in enumerate(plan):
        if candidate["origin"] == "captioner" and data is not None:
            groups.setdefault(candidate["group"], []).append(index)
        else:
            captions = corpus.record(f"train/{draw}/{candidate['slot']}").captions
            drawn_in = generation if config.generate.fresh_seeds else 0
            rng = numpy_generator(config.seed, drawn_in, "generate", "caption", candidate["group"])
            prompts[index] = captions[int(rng.integers(len(captions)))]
    if groups and data is not None:
        captioner = trained_captioner(context, generation)
        pictures = data.select(np.array([group % len(data) for group in groups]))
        seeds = [seed_for(config.seed, generation, "generate", "written caption", group) for group in groups]
        settings = config.generate
        how = Decoding(
            settings.caption_temperature,
            settings.caption_top_p,
            config.captioner.num_beams,
            config.captioner.max_tokens,
        )
        clip = trained_clip(context, generation) if captioner.reads_features else None
        written, done = [], 0
        for batch in pictures.batches():
            inputs = captioner.pixels(batch) if clip is None else clip.encode_images(batch)
            written += captioner.write(inputs, seeds[done : done + len(batch)], how)
            done += len(batch)
        for indices, text in zip(groups.values(), written, strict=True):
            for index in indices:
                prompts[index] = text
    return prompts


def curate(
    config: GenerateConfig, scores: np.ndarray, groups: Sequence[int], kept: int
) -> list[tuple[bool, str]]:
    """Return for each candidate whether it is kept, and why; equal scores go to the lower index."""
    ranking = np.argsort(-scores, kind="stable")
    match config.curation:
        case "none":
            return [(True, "every candidate is kept")] * len(scores)
        case "best_share":
            best = set(ranking[:kept].tolist())
            reason = f"CLIP score among the best {kept} of {len(scores)}"
            return [(i in best, reason if i in best else "not " + reason) for i in range(len(scores))]
        case "best_of_k":
            winners: dict[int, int] = {}
            for i in ranking.tolist():
                winners.setdefault(groups[i], i)
            best = set(winners.values())
            return [
                (i in best, ("best" if i in best else "not the best") + " CLIP score of its slot")
                for i in range(len(scores))
            ]


def generate(context: PhaseContext) -> Outputs:
    """Draw every candidate that is not stored yet, score all with CLIP_g, and keep the best."""
    config, made = context.config, context.generation + 1
    plan = plan_candidates(config, context.generation)
    generator, fingerprint = open_generator(context, context.generation)
    for candidate, prompt in zip(plan, write_prompts(context, plan), strict=True):
        candidate |= {"prompt": prompt, "model": fingerprint, "made_in": context.generation}
    draw_missing(context, (Table.SAMPLE, made), plan, lambda: generator)
    samples = load_samples(context, made, range(len(plan)))
    if samples is None:
        return Outputs(facts={"num_candidates": 0, "num_kept": 0})
    clip = trained_clip(context, context.generation)
    texts = clip.encode_texts([candidate["prompt"] for candidate in plan])
    scores = (clip.encode_batches(samples.batches()) * texts).sum(-1).double().numpy()
    decisions = curate(
        config.generate,
        scores,
        [candidate["group"] for candidate in plan],
        num_kept(config, context.generation),
    )
    rows = [
        (
            key(Table.CURATION, made, index),
            Record({"clip_score": float(score), "kept": kept, "reason": reason}),
        )
        for index, (score, (kept, reason)) in enumerate(zip(scores, decisions, strict=True))
    ]
    kept_count = sum(kept for kept, _ in decisions)
    from_captioner = sum(candidate["origin"] == "captioner" for candidate in plan)
    return Outputs(
        rows,
        facts={"num_candidates": len(plan), "num_kept": kept_count, "num_captioner_prompts": from_captioner},
    )
