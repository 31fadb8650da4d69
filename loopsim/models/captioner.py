"""A captioner in the manner of ClipCap (Mokady et al. 2021): CLIP's image feature, mapped to a prefix that a GPT-2 continues."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import CLIPTokenizer, GPT2Config, GPT2LMHeadModel


@final
class ClipCap(nn.Module):
    """`mapper` turns a CLIP feature [d] into `prefix_length` embeddings; `language_model` is transformers' own GPT-2."""

    def __init__(self, language_model: GPT2LMHeadModel, tokenizer: CLIPTokenizer, feature_size: int, prefix_length: int) -> None:
        super().__init__()
        width = language_model.config.n_embd
        self.language_model = language_model
        self.tokenizer = tokenizer
        self.feature_size, self.prefix_length = feature_size, prefix_length
        hidden = (feature_size + prefix_length * width) // 2
        self.mapper = nn.Sequential(nn.Linear(feature_size, hidden), nn.Tanh(), nn.Linear(hidden, prefix_length * width))

    def prefix(self, features: Tensor) -> Tensor:
        """Return the prefix embeddings [n, prefix_length, width] of unit-norm CLIP features [n, d]."""
        return self.mapper(features).unflatten(-1, (self.prefix_length, -1))

    def loss(self, features: Tensor, tokens: Tensor) -> Tensor:
        """Return the mean cross-entropy of captions' tokens [n, context] after their prefixes; padding after the end token is left out."""
        eos = self.tokenizer.eos_token_id
        words = tokens[:, 1:]  # the prefix stands where the begin token would
        is_end = words == eos
        is_padding = is_end & (is_end.cumsum(1) > 1)
        inputs = torch.cat([self.prefix(features), self.language_model.transformer.wte(words)], dim=1)
        logits = self.language_model(inputs_embeds=inputs).logits[:, self.prefix_length - 1 : -1]
        return nn.functional.cross_entropy(logits.flatten(0, 1), words.masked_fill(is_padding, -100).flatten())

    @torch.inference_mode()
    def write(self, features: Tensor, seeds: Sequence[int], temperature: float) -> list[str]:
        """Return one caption for each CLIP feature [n, d], sampled at `temperature` (0: the likeliest word each time).

        Drawn by the Gumbel-max trick with noise from each caption's own seed, so that a caption does not depend on its batch mates.
        """
        eos = self.tokenizer.eos_token_id
        num_steps = self.tokenizer.model_max_length - 1
        vocabulary = self.language_model.config.vocab_size
        noise = torch.zeros(len(features), num_steps, vocabulary)
        if temperature > 0:
            for row, seed in zip(noise, seeds, strict=True):
                uniform = torch.rand(row.shape, generator=torch.Generator("cpu").manual_seed(seed)).clamp(1e-20, 1 - 1e-7)
                row.copy_(temperature * -torch.log(-torch.log(uniform)))  # Gumbel(0, temperature)
        inputs, cache, written = self.prefix(features), None, []
        finished = torch.zeros(len(features), dtype=torch.bool)
        for step in range(num_steps):
            output = self.language_model(inputs_embeds=inputs, past_key_values=cache, use_cache=True)
            words = (output.logits[:, -1].float() + noise[:, step]).argmax(-1)
            words = words.masked_fill(finished, eos)
            finished |= words == eos
            written.append(words)
            if finished.all():
                break
            inputs, cache = self.language_model.transformer.wte(words)[:, None], output.past_key_values
        return [text.strip() for text in self.tokenizer.batch_decode(torch.stack(written, 1), skip_special_tokens=True)]

    def save(self, folder: Path) -> None:
        """Write the language model as transformers loads it, the mapper beside it, and the tokenizer."""
        self.language_model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        save_file(self.mapper.state_dict(), folder / "mapper.safetensors")
        (folder / "clipcap.json").write_text(json.dumps({"feature_size": self.feature_size, "prefix_length": self.prefix_length}))


def build_clipcap(tokenizer: CLIPTokenizer, feature_size: int, prefix_length: int = 4) -> ClipCap:
    """Return the pocket captioner with random weights (torch's global generator draws them)."""
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=prefix_length + tokenizer.model_max_length,
        n_embd=128,
        n_layer=3,
        n_head=4,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return ClipCap(GPT2LMHeadModel(config), tokenizer, feature_size, prefix_length).eval()


def load_clipcap(folder: Path) -> ClipCap:
    """Return the captioner that `ClipCap.save` wrote to `folder`."""
    sizes = json.loads((folder / "clipcap.json").read_text())
    language_model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
    model = ClipCap(language_model, CLIPTokenizer.from_pretrained(folder), sizes["feature_size"], sizes["prefix_length"])
    model.mapper.load_state_dict(load_file(folder / "mapper.safetensors"))
    return model.eval()
