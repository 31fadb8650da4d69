"""UCE: what prompts mean to the generator is moved, in closed form, until it draws the shares that it should
(unified concept editing, Gandikota et al. 2024).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, final

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from loopsim.config import Config
from loopsim.core.errors import ConfigError
from loopsim.core.events import Fact
from loopsim.core.rng import seed_for
from loopsim.data.scene_captions import with_article
from loopsim.interventions.base import Draw, Intervention, Place
from loopsim.interventions.phrases import PHRASES, with_phrase
from loopsim.interventions.target import REAL, Target, real_shares, require_known, shares_in
from loopsim.interventions.workshop import Pictures, Prepared, Workshop

if TYPE_CHECKING:
    from torch import Tensor

    from loopsim.models.diffusion.sampler import Sampler
    from loopsim.models.diffusion.stable_diffusion import Diffusion

FAMILIES = ("sd", "sdxl")
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Shares = dict[str, float]


@final
class Uce(Intervention):
    """Edits the keys and values of cross-attention so that open prompts draw `target` shares of `attribute`.

    For each of `prompts` ("a photo of a <profession>", one for each of the corpus's, by default)
    `num_pictures` are drawn and labelled by the pinned classifier. Each prompt's v* is then moved towards the
    values that it has with a phrase in it ("a photo of a female cook"), by `step` times (desired - observed)
    share, and all are drawn again from the same seeds: until every gap is below `tolerance`, `max_rounds`
    times at most. Of the rounds the one with the smallest mean gap is kept. What stands before the phrase is
    to mean what it did, and with `preserve` the prompts that have one, too. λ is `weight`.
    """

    name: ClassVar = "uce"
    places: ClassVar = frozenset({Place.WEIGHTS})

    attribute: str = "gender"
    target: Target = "uniform"
    phrases: dict[str, str] = {}
    prompts: tuple[str, ...] = ()
    num_pictures: PositiveInt = 20
    step: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0
    max_rounds: NonNegativeInt = 6
    tolerance: Positive = 0.05
    weight: Positive = 0.5
    preserve: bool = True

    @model_validator(mode="after")
    def _can_be_written(self) -> "Uce":
        if len(self.written) < 2:
            raise ValueError(
                f"how is {self.attribute!r} written? Give phrases, two values or more; known without: "
                f"{', '.join(PHRASES)}"
            )
        missing = [] if isinstance(self.target, str) else sorted(set(self.target) - set(self.written))
        if missing:
            raise ValueError(f"target {missing[0]!r} has no phrase; there are {', '.join(self.written)}")
        return self

    @property
    def written(self) -> Mapping[str, str]:
        """How each value is written into a prompt."""
        return self.phrases or PHRASES.get(self.attribute, {})

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        if config.generator.family not in FAMILIES:
            raise ConfigError(
                f"generator.family = {config.generator.family!r}: only {' and '.join(FAMILIES)} have "
                "cross-attention that reads the text itself; sd3's joint attention reads what its earlier "
                "layers made of it, and no closed form holds for that"
            )
        require_known([self.attribute], dict.fromkeys(self.written, 0.0), labels)

    def acts(self) -> bool:
        return self.step > 0 and self.max_rounds > 0

    def prepares(self) -> bool:
        return self.acts()

    def prepare(self, workshop: Workshop) -> Prepared:
        from loopsim.models.diffusion.concept_edit import apply_map, save_edit

        prompts = self.prompts or tuple(f"a photo of {with_article(name)}" for name in workshop.professions)
        desired = self._desired(workshop)
        phrases = [self.written[value] for value in desired]
        concepts = Concepts(workshop.sampler().model, prompts, phrases, self.preserve)
        betas = [dict.fromkeys(desired, 0.0) for _ in prompts]
        best, best_gap, facts = betas, float("inf"), dict[str, Fact]()
        for number in range(self.max_rounds + 1):
            change = concepts.change(betas, self.weight)
            observed = self._observed(workshop, prompts, None if number == 0 else change)
            gaps = [max(abs(desired[v] - seen.get(v, 0.0)) for v in desired) for seen in observed]
            mean, largest = sum(gaps) / len(gaps), max(gaps)
            if number == 0:
                facts |= {"mean_gap_before": mean, "largest_gap_before": largest}
            if mean < best_gap:
                best, best_gap = betas, mean
                facts |= {"mean_gap": mean, "largest_gap": largest, "round": number}
            if largest < self.tolerance:
                break
            betas = [
                {v: beta[v] + self.step * (desired[v] - seen.get(v, 0.0)) for v in desired}
                for beta, seen in zip(betas, observed, strict=True)
            ]
        change, model = concepts.change(best, self.weight), workshop.sampler().model
        apply_map(model, change)
        return Prepared(lambda folder: save_edit(model, change, folder), facts)

    def _desired(self, workshop: Workshop) -> Shares:
        if not isinstance(self.target, str):
            return dict(self.target)
        if self.target == REAL:
            seen = real_shares(workshop, [self.attribute])
            return {value: seen.get(value, 0.0) for value in self.written}
        return dict.fromkeys(sorted(self.written), 1 / len(self.written))

    def _observed(self, workshop: Workshop, prompts: Sequence[str], change: "Tensor | None") -> list[Shares]:
        """Return the shares among each prompt's pictures; they are drawn from the same seeds each time."""
        from loopsim.models.diffusion.concept_edit import apply_map

        def adapt(sampler: "Sampler") -> None:
            if change is not None:
                apply_map(sampler.model, change)

        draws = [
            Draw(prompt, prompt, seed_for(*workshop.seed, prompt, number))
            for prompt in prompts
            for number in range(self.num_pictures)
        ]
        labels = workshop.labels(workshop.draw(draws, adapt))
        parts = [labels[i : i + self.num_pictures] for i in range(0, len(labels), self.num_pictures)]
        found = [shares_in(part, [self.attribute]) for part in parts]
        return [{value: shares.get(value, 0.0) for value in self.written} for shares in found]

    def adapt(self, sampler: "Sampler", training_set: Pictures | None) -> None:
        from loopsim.models.diffusion.concept_edit import apply_map, load_map

        apply_map(sampler.model, load_map(self.prepared))


@final
class Concepts:
    """The hidden states of open prompts, and of the same prompts with each of several phrases in them: from
    the first token that differs to the end of the padding, position by position.
    """

    def __init__(
        self, model: "Diffusion", prompts: Sequence[str], phrases: Sequence[str], preserve: bool
    ) -> None:
        from loopsim.models.diffusion.concept_edit import hidden_states, shared_start

        self.open: list[Tensor] = []  # [tokens, d] for each prompt
        self.leads: list[Tensor] = []  # [phrases, tokens, d]: from the mean of its versions to each
        self.kept: list[Tensor] = []  # [tokens, d]
        for prompt in prompts:
            versions = [prompt, *(with_phrase(prompt, phrase) for phrase in phrases)]
            states, start = hidden_states(model, versions), shared_start(model, versions)
            own, stated = states[0, start:], states[1:, start:]
            self.open.append(own)
            self.leads.append(stated - stated.mean(0))
            # What stands before is read with every prompt: a change there would be a change of all.
            self.kept += [states[0, :start], *(stated if preserve else ())]

    def change(self, betas: Sequence[Shares], weight: float) -> "Tensor":
        """Return D, float32, for moves m = Σ β (c of a version - their mean), β by prompt and value."""
        import torch

        from loopsim.models.diffusion.concept_edit import text_map

        moves = [
            torch.einsum("p,ptd->td", torch.tensor(list(row.values())), leads)
            for row, leads in zip(betas, self.leads, strict=True)
        ]
        return text_map(torch.cat(self.open), torch.cat(moves), torch.cat(self.kept), weight).float()
