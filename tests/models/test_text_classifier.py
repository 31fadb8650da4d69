"""The classifiers of LIC learn what captions betray: on tiny models of the real classes."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from loopsim.models.text_classifier import finetune_encoder, train_bilstm

TEXTS = ["a person with a wrench", "a person with a bouquet"] * 20
CLASSES = [0, 1] * 20


def check(probabilities: np.ndarray) -> None:
    assert probabilities.shape == (2, 2)
    assert probabilities.sum(1) == pytest.approx(1, abs=1e-5)
    assert probabilities.argmax(1).tolist() == [0, 1]


def test_the_bilstm_learns_and_takes_unknown_words() -> None:
    predict = train_bilstm(TEXTS, CLASSES, 2, seed=0, num_epochs=15, learning_rate=2e-3)
    check(predict(TEXTS[:2]))
    assert predict(["zebras everywhere", ""]).shape == (2, 2)


def test_the_same_seed_trains_the_same_bilstm() -> None:
    first, second = (train_bilstm(TEXTS, CLASSES, 2, seed=3, num_epochs=1)(TEXTS[:4]) for _ in range(2))
    assert (first == second).all()


def test_an_encoder_from_a_folder_is_finetuned(tmp_path: Path) -> None:
    words = ["[UNK]", "[PAD]", *sorted({word for text in TEXTS for word in text.split()})]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(
        tmp_path
    )
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertForSequenceClassification(BertConfig(vocab_size=len(words), pad_token_id=1, **sizes)).save_pretrained(
        tmp_path
    )
    check(
        finetune_encoder(str(tmp_path), TEXTS, CLASSES, 2, seed=0, num_epochs=40, learning_rate=5e-3)(
            TEXTS[:2]
        )
    )
