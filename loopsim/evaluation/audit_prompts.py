"""The neutral prompts that a generator is audited with: they leave open whom it draws."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from loopsim.core.rng import seed_for
from loopsim.data.scene_captions import with_article


@final
@dataclass(frozen=True)
class AuditPrompt:
    """One picture to be drawn for a prompt that names a profession and leaves the person open."""

    prompt: str
    profession: str
    seed: int


def audit_prompts(professions: Iterable[str], num_images: int, seed: int) -> list[AuditPrompt]:
    """Return "a photo of a <profession>" `num_images` times for each profession, with seeds that follow from
    the run's `seed`: the same in every generation.
    """
    return [
        AuditPrompt(f"a photo of {with_article(name)}", name, seed_for(seed, "audit", name, repeat))
        for name in professions
        for repeat in range(num_images)
    ]
