"""How well base weights do what the loop relies on: the generator follows prompts and the world, the
classifier is right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import final

import numpy as np
import torch

from loopsim.config import GenerateConfig, GeneratorConfig, OpenMojiConfig
from loopsim.core.rng import numpy_generator, seed_for
from loopsim.data.openmoji import BACKGROUNDS, GENDERS, OBJECTS, SKIN_TYPES, OpenMojiCorpus, groups_of, render
from loopsim.data.scene_captions import Facts, describe, with_article
from loopsim.models.classifiers.cell_classifier import load_classifier
from loopsim.models.diffusion.loading import load_diffusion
from loopsim.models.diffusion.sampler import for_sampling, sample

BATCH = 64
ATTRIBUTES = ("profession", "gender", "skin_type")


@final
@dataclass(frozen=True)
class Fidelity:
    """Shares in [0, 1]. `agreement`: of pictures for prompts that state everything, the classifier sees what
    was asked. `heldout`: its own accuracy on real renders. `women`: per profession, (drawn for neutral
    prompts, in the corpus); `women_distance` is their mean absolute difference.
    """

    agreement: dict[str, float]
    heldout: dict[str, float]
    women: dict[str, tuple[float, float]]
    women_distance: float


def check_fidelity(
    weights: Path,
    settings: GenerateConfig,
    num_prompts: int,
    num_neutral: int,
    advanced: Callable[[int, int], None],
) -> Fidelity:
    """Measure base weights: `num_prompts` full prompts, `num_neutral` pictures a profession, 2,000 held-out
    renders that no training saw.
    """
    corpus = OpenMojiCorpus(OpenMojiConfig(), seed=0)
    professions = corpus.women
    classifier = load_classifier(weights / "classifier")
    model = for_sampling(load_diffusion(GeneratorConfig(), weights / "generator"))
    rng = numpy_generator("fidelity")
    cells = list(product(professions, GENDERS, SKIN_TYPES))
    asked = [cells[i % len(cells)] for i in range(num_prompts)]
    prompts = [
        describe(Facts(*cell, str(rng.choice(list(OBJECTS))), str(rng.choice(list(BACKGROUNDS)))), rng)
        for cell in asked
    ]
    neutral = [profession for profession in professions for _ in range(num_neutral)]
    prompts += [f"a photo of {with_article(profession)}" for profession in neutral]
    labels: list[dict[str, str]] = []
    for start in range(0, len(prompts), BATCH):
        batch = prompts[start : start + BATCH]
        seeds = [seed_for("fidelity", start + i) for i in range(len(batch))]
        labels += classifier.label(
            sample(model, batch, seeds, num_steps=settings.num_steps, guidance=settings.guidance)
        )
        advanced(len(labels), len(prompts))
    full, drawn = labels[:num_prompts], labels[num_prompts:]
    agreement = {
        name: float(np.mean([label[name] == cell[i] for label, cell in zip(full, asked, strict=True)]))
        for i, name in enumerate(ATTRIBUTES)
    }
    scenes = [
        corpus.draw_scene(numpy_generator("fidelity", "held-out", i), cells[i % len(cells)])
        for i in range(2000)
    ]
    seen = classifier.label(torch.from_numpy(np.stack([render(scene) for scene in scenes])))
    heldout = {
        name: float(
            np.mean([label[name] == groups_of(s)[name] for label, s in zip(seen, scenes, strict=True)])
        )
        for name in ATTRIBUTES
    }
    women: dict[str, tuple[float, float]] = {}
    for profession in professions:
        mine = [
            label["gender"] == "woman"
            for label, wanted in zip(drawn, neutral, strict=True)
            if wanted == profession
        ]
        women[profession] = (float(np.mean(mine)), professions[profession])
    return Fidelity(
        agreement, heldout, women, float(np.mean([abs(drawn - real) for drawn, real in women.values()]))
    )
