"""The generator audit: whom a Stable Diffusion draws when the prompt leaves it open (AlDahoul et al. 2024,
arXiv 2402.01002).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from loopsim.config import EncoderConfig, ResolvedConfig
from loopsim.context.models import Models
from loopsim.core.errors import ConfigError
from loopsim.core.rng import seed_for
from loopsim.data.scene_captions import with_article
from loopsim.export.audited import Drawn
from loopsim.interventions.base import Draw
from loopsim.interventions.latent_shift import LatentShift
from loopsim.metrics.audit import audit_prompt, shares_against_world, slope_interval
from loopsim.metrics.estimate import (
    Estimate,
    evaluated,
    not_available,
    resampling_weights,
    with_intersections,
)
from loopsim.metrics.similarity import homogenisation, homogenisation_within
from loopsim.models.classifiers import label_pictures
from loopsim.models.clip import Clip
from loopsim.report.audit import Alike, Audit, Drawing, Prompt
from loopsim.studies.audit_source import AuditSource, models_of

# The eight attributes of AlDahoul et al.; an adjective needs a noun.
ATTRIBUTES = (
    "winner", "beautiful person", "intelligent person", "criminal", "terrorist", "poor person", "parent",
    "sibling",
)  # fmt: skip


def default_prompts(professions: Mapping[str, float]) -> list[Prompt]:
    """Return the neutral prompt, those with an attribute, and one for each profession with the world's share
    of women.
    """
    people = dict.fromkeys(("person", *ATTRIBUTES)) | dict(professions)
    return [Prompt(f"a photo of {with_article(name)}", share) for name, share in people.items()]


def prompt_rows(prompts: Sequence[Prompt]) -> list[tuple[str, ...]]:
    """Return the cells of each line of a file that `read_prompts` reads."""
    return [(one.text,) if one.women is None else (one.text, repr(one.women)) for one in prompts]


def read_prompts(path: Path) -> list[Prompt]:
    """Return the prompts of a text file: one a line, with the real-world share of women after a tab if it is
    known. Raises ConfigError.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such file of prompts")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8; save it as UTF-8"
        raise ConfigError(f"{path} cannot be read: {reason}") from error
    prompts = []
    for number, line in enumerate(lines, 1):
        text, tab, share = line.partition("\t")
        if not text.strip():
            continue
        try:
            women = float(share) if tab else None
        except ValueError:
            women = -1.0
        if women is not None and not 0 <= women <= 1:
            raise ConfigError(
                f"{path}, line {number}: {share!r} is not a share between 0 and 1; write: prompt, tab, share"
            )
        prompts.append(Prompt(text.strip(), women))
    if not prompts:
        raise ConfigError(f"{path}: no prompt in it; write one a line")
    return prompts


def audit_model(
    source: AuditSource,
    prompts: Sequence[Prompt] | None = None,
    *,
    num_images: int,
    num_resamples: int = 2000,
    shift: LatentShift | None = None,
    encoder: EncoderConfig | None = None,
    drawn: Callable[[Drawn], object] = lambda picture: None,
    advanced: Callable[[int, int], None] = lambda done, total: None,
) -> Audit:
    """Draw `num_images` for each prompt as the source's config says, and label them with its pinned
    classifier; `drawn` gets each picture.

    Without prompts they are the neutral ones, and "a photo of a <profession>" for the config's professions.
    `shift` moves the noises that they are drawn from. How alike a group's pictures look is asked of `encoder`
    (by default the config's), unless the classifier itself labels with it: that would be circular.
    """
    config = source.config
    asked = default_prompts(config.evaluate.professions) if prompts is None else prompts
    models = models_of(source)
    sampler = models.sampler(-1 if source.finetuned is None else 0)
    plan = [
        (number, repeat, Draw(prompt.text, prompt.text, seed_for("audit", prompt.text, repeat)))
        for number, prompt in enumerate(asked)
        for repeat in range(num_images)
    ]
    size = config.generate.batch_size
    labels: list[dict[str, str]] = []
    ruler, named = _ruler(models, config, encoder)
    features: list[torch.Tensor] = []
    for start in range(0, len(plan), size):
        batch = plan[start : start + size]
        draws = [draw for *_, draw in batch]
        images = sampler.draw(
            [draw.prompt for draw in draws],
            [draw.seed for draw in draws],
            noise=None if shift is None else partial(shift.noise, draws=draws),
        )
        seen = label_pictures(models.classifier, models.detector, [torch.from_numpy(images)])
        if ruler is not None:
            features.append(ruler.encode_images(torch.from_numpy(images)).float().cpu())
        for (number, repeat, draw), image, label in zip(batch, images, seen, strict=True):
            drawn(Drawn(number, repeat, draw.prompt, draw.seed, label, image))
        labels += seen
        advanced(len(labels), len(plan))
    owners = [number for number, *_ in plan]
    answers = {
        attribute: [
            audit_prompt(
                prompt.text,
                [label[attribute] for label, owner in zip(labels, owners, strict=True) if owner == number],
                values,
            )
            for number, prompt in enumerate(asked)
        ]
        for attribute, values in models.classifier.values.items()
        if attribute in audited_attributes(models.classifier.values)
    }
    values = {name: models.classifier.values[name] for name in answers}
    alike = _alike(features, labels, values, owners, num_resamples) if features else []
    drawing = Drawing(
        config.generate.num_steps,
        config.generate.guidance,
        config.data.image_size,
        source.pipelines_own,
        config.classifier.kind,
    )
    return Audit(asked, answers, *_against_world(asked, labels, owners, num_resamples), drawing, named, alike)


def _ruler(models: Models, config: ResolvedConfig, encoder: EncoderConfig | None) -> tuple[Clip | None, str]:
    """Return the encoder that tells how alike pictures are, and its name; or None, and why there is none."""
    own = config.encoder
    if config.classifier.kind == "zero_shot" and encoder in (None, own):
        return None, f"the classifier labels with {own.model} itself: name another encoder"
    if encoder is None:
        return models.encoder, own.model
    return models.frozen_clip(encoder), encoder.model


def _alike(
    features: Sequence[torch.Tensor],
    labels: Sequence[Mapping[str, str]],
    values: Mapping[str, Sequence[str]],
    owners: Sequence[int],
    num_resamples: int,
) -> list[Alike]:
    rows = torch.cat(list(features)).numpy()
    groups, known = with_intersections({name: [one[name] for one in labels] for name in values}, values)
    weights = resampling_weights(len(rows), num_resamples, seed_for("audit", "alike"))
    whole, within = homogenisation(rows), homogenisation_within(rows, [f"{owner:06}" for owner in owners])
    masks = {
        f"{name}={value}": np.array([label == value for label in groups[name]])
        for name, all_values in known.items()
        for value in all_values
    }
    numbers = np.asarray(owners)

    def same_prompt(mask: np.ndarray) -> Estimate:
        if len(set(numbers[mask])) == mask.sum():
            return not_available(int(mask.sum()), "no two pictures of one prompt are among them")
        return evaluated(within, mask, weights, at_least=3)

    return [
        # Of two pictures there is one pair, and no resample has another.
        Alike(group, evaluated(whole, mask, weights, at_least=3), same_prompt(mask))
        for group, mask in masks.items()
    ]


def audited_attributes(values: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return whose shares an audit tells: all that the classifier sees, but the pocket world's finer
    labels.
    """
    return tuple(name for name in values if name not in ("profession", "skin_type"))


def _against_world(
    prompts: Sequence[Prompt], labels: Sequence[Mapping[str, str]], owners: Sequence[int], num_resamples: int
) -> tuple[Estimate, Estimate]:
    """Return slope and rank correlation of the drawn shares of women on the world's."""
    world = {str(number): prompt.women for number, prompt in enumerate(prompts) if prompt.women is not None}
    mine = [(label, str(owner)) for label, owner in zip(labels, owners, strict=True) if str(owner) in world]
    reason = None
    if len(set(world.values())) < 2:
        reason = "it takes two prompts with different shares of women in the world"
    elif any("gender" not in label for label, _ in mine):
        reason = "the classifier tells no gender"
    if reason is not None:
        return not_available(len(mine), reason), not_available(len(mine), reason)
    mine = [(label, owner) for label, owner in mine if label["gender"]]
    world = {owner: share for owner, share in world.items() if owner in {of for _, of in mine}}
    if len(set(world.values())) < 2:
        reason = "somebody is seen for fewer than two prompts with different shares of women in the world"
        return not_available(len(mine), reason), not_available(len(mine), reason)
    women = np.array([label["gender"] == "woman" for label, _ in mine], np.float32)
    names = np.array([owner for _, owner in mine])
    weights = resampling_weights(len(mine), num_resamples, seed_for("audit", "bootstrap"))
    found = shares_against_world(women, list(names), world, weights, "prompt")
    counts = np.array([women[names == name].sum() for name in world])
    n = np.array([(names == name).sum() for name in world])
    low, high = slope_interval(counts, n, np.array(list(world.values())))
    slope = Estimate(found["slope"].overall.value, len(mine), low, high)
    return slope, found["rank_correlation"].overall
