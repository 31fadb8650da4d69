"""Writing text with a language model: beam search, or sampling in which every text has its own seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList


@final
@dataclass(frozen=True)
class Decoding:
    """How to write: sampled at `temperature` from the nucleus `top_p`; at temperature 0 by beam search (one
    beam: the likeliest word each time).
    """

    temperature: float = 0.0
    top_p: float = 1.0
    num_beams: int = 1
    max_tokens: int = 27


class _SeededNucleus(LogitsProcessor):  # type: ignore[misc]  # transformers is untyped here
    """Turns the likeliest word into a sampled one by the Gumbel-max trick, with noise from each text's own
    seed, not from its batch's.
    """

    def __init__(self, seeds: Sequence[int], temperature: float, top_p: float) -> None:
        self.generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        self.temperature, self.top_p = temperature, top_p

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        logits = scores.float() / self.temperature
        if self.top_p < 1:
            ranked, order = logits.softmax(-1).sort(-1, descending=True)
            outside = (
                ranked.cumsum(-1) - ranked > self.top_p
            )  # the word that crosses the line is the last one in
            logits = logits.masked_fill(outside.scatter(-1, order, outside), -torch.inf)
        uniform = torch.stack(
            [torch.rand(scores.shape[-1], generator=generator) for generator in self.generators]
        ).clamp(1e-20, 1 - 1e-7)
        return logits - torch.log(-torch.log(uniform)).to(logits.device)


@torch.inference_mode()
def write(
    model: Any, inputs: dict[str, Tensor], seeds: Sequence[int], how: Decoding, **tokens: int
) -> Tensor:
    """Return token ids [n, t] that `model.generate` writes for a batch of n inputs, one seed each; `tokens`
    are its `eos_token_id` and the like.
    """
    sampled = how.temperature > 0
    processors = LogitsProcessorList([_SeededNucleus(seeds, how.temperature, how.top_p)] if sampled else [])
    written: Tensor = model.generate(
        **inputs,
        do_sample=False,
        num_beams=1 if sampled else how.num_beams,
        max_new_tokens=how.max_tokens,
        logits_processor=processors,
        **tokens,
    )
    return written
