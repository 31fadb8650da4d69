"""Classifiers that guess an attribute from captions: the two that LIC (Hirota et al., CVPR 2022) is measured
with.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from loopsim.core.errors import DataError
from loopsim.models.hub import model_folder
from loopsim.models.load_errors import LOAD_ERRORS, first_line

Predictor = Callable[[Sequence[str]], np.ndarray]  # texts [n] -> class probabilities [n, c]


class _BiLSTM(nn.Module):
    """Two bidirectional layers over word embeddings; the last states of both directions decide. Half of the
    embeddings, and of the last states, are dropped in training, as the authors do.
    """

    def __init__(self, num_words: int, num_classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_words, 100, padding_idx=0)
        self.lstm = nn.LSTM(100, 256, num_layers=2, bidirectional=True, dropout=0.5, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(512, num_classes)

    def forward(self, words: list[Tensor]) -> Tensor:
        lengths = torch.tensor([len(w) for w in words])
        packed = pack_padded_sequence(
            self.dropout(self.embedding(pad_sequence(words, batch_first=True))),
            lengths,
            batch_first=True,
            enforce_sorted=False,
        )
        hidden = self.lstm(packed)[1][0]
        logits: Tensor = self.head(self.dropout(torch.cat([hidden[-2], hidden[-1]], dim=1)))
        return logits


def _train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    logits_of: Callable[[Sequence[int]], Tensor],
    labels: Tensor,
    num_epochs: int,
    seed: int,
) -> None:
    model.train()
    torch.manual_seed(seed)
    for _ in range(num_epochs):
        for batch in torch.randperm(len(labels)).split(64):  # type: ignore[no-untyped-call]
            loss = nn.functional.cross_entropy(logits_of(batch.tolist()), labels[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    model.eval()


def train_bilstm(
    texts: Sequence[str],
    labels: Sequence[int],
    num_classes: int,
    seed: int,
    *,
    num_epochs: int = 20,
    learning_rate: float = 5e-5,
) -> Predictor:
    """Return a 2-layer BiLSTM trained on texts [n] of space-separated words and classes [n]; unknown words
    are one token (Adam, batch 64).
    """
    counts = Counter(word for text in texts for word in text.split())
    index = {word: i + 2 for i, word in enumerate(sorted(counts))}  # 0 pads, 1 is unknown

    def encode(given: Sequence[str]) -> list[Tensor]:
        return [torch.tensor([index.get(word, 1) for word in text.split()] or [1]) for text in given]

    torch.manual_seed(seed)
    model = _BiLSTM(len(index) + 2, num_classes)
    encoded = encode(texts)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    _train(
        model,
        optimizer,
        lambda batch: model([encoded[i] for i in batch]),
        torch.tensor(labels),
        num_epochs,
        seed,
    )

    @torch.inference_mode()
    def predict(given: Sequence[str]) -> np.ndarray:
        probabilities: np.ndarray = model(encode(given)).softmax(-1).numpy()
        return probabilities

    return predict


def finetune_encoder(
    folder: str,
    texts: Sequence[str],
    labels: Sequence[int],
    num_classes: int,
    seed: int,
    *,
    num_epochs: int = 5,
    learning_rate: float = 1e-5,
) -> Predictor:
    """Return a transformer encoder (a local folder or hub id) fine-tuned on texts [n] and classes [n] (AdamW,
    batch 64, 64 tokens). Raises DataError if it cannot be loaded.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    checked = model_folder(folder)
    torch.manual_seed(seed)
    try:
        tokenizer = AutoTokenizer.from_pretrained(checked, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_pretrained(
            checked, num_labels=num_classes, use_safetensors=True, trust_remote_code=False
        )
    except LOAD_ERRORS as error:
        raise DataError(f"text encoder {folder!r} cannot be loaded: {first_line(error)}") from error

    def logits_of(given: Sequence[str]) -> Tensor:
        words = tokenizer(list(given), padding=True, truncation=True, max_length=64, return_tensors="pt")
        logits: Tensor = model(**words).logits
        return logits

    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    _train(
        model,
        optimizer,
        lambda batch: logits_of([texts[i] for i in batch]),
        torch.tensor(labels),
        num_epochs,
        seed,
    )

    @torch.inference_mode()
    def predict(given: Sequence[str]) -> np.ndarray:
        return logits_of(given).softmax(-1).numpy()

    return predict
