"""One tokenizer for the pocket world's generator, CLIP and captioner: transformers' CLIP tokenizer, every
corpus word one token.
"""

import json
import string
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer

CONTEXT_LENGTH = 28
_BOS, _EOS = "<|startoftext|>", "<|endoftext|>"


def build_tokenizer(words: list[str]) -> CLIPTokenizer:
    """Return a CLIP tokenizer whose merges make each of `words` a single token; other text is spelled in
    letters.
    """
    learner = Tokenizer(BPE(end_of_word_suffix="</w>"))
    learner.pre_tokenizer = ByteLevel(add_prefix_space=False)
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    ends = [f"{letter}</w>" for letter in letters]
    # The trainer breaks ties between merges by the tokens' ids, and gives last letters theirs in the order of
    # a hash table that is seeded anew in each process. Named beforehand, they have the same ids in every
    # process.
    trainer = BpeTrainer(
        vocab_size=100_000,
        end_of_word_suffix="</w>",
        initial_alphabet=letters,
        special_tokens=ends,
        show_progress=False,
    )
    learner.train_from_iterator(words, trainer)
    learned = learner.get_vocab()
    tokens = [_BOS, _EOS, *dict.fromkeys([*letters, *ends, *sorted(learned, key=learned.__getitem__)])]
    merges = json.loads(learner.to_str())["model"]["merges"]
    return CLIPTokenizer(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=[tuple(pair) for pair in merges],
        model_max_length=CONTEXT_LENGTH,
    )


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Write a tokenizer as transformers loads it, without the truncation and padding of its last call, which
    it would keep.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        backend.no_truncation()
        backend.no_padding()
    tokenizer.save_pretrained(folder)
