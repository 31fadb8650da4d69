"""The linear probe: it finds what is there, and is a function of its seed."""

from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression

from loopsim.models.linear_probe import LinearProbe, fit_linear_probe


def examples(num: int = 300, size: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(num, size, generator=generator)
    positive = features[:, 0] + 0.5 * torch.randn(num, generator=generator) > 0.6
    return torch.nn.functional.normalize(features, dim=1), positive


def test_it_ends_where_logistic_regression_does(tmp_path: Path) -> None:
    features, positive = examples()
    probe = fit_linear_probe(features, positive, 1, num_steps=3000, learning_rate=0.05, batch_size=300)
    exact = LogisticRegression(C=1e6, class_weight="balanced", max_iter=2000).fit(features * 4, positive)
    cosine = torch.cosine_similarity(probe.weight, torch.from_numpy(exact.coef_[0]).float(), dim=0)
    assert cosine > 0.99
    probe.save(tmp_path / "probe.safetensors")
    again = LinearProbe.load(tmp_path / "probe.safetensors")
    assert torch.equal(again.logits(features), probe.logits(features))


def test_it_is_a_function_of_its_seed() -> None:
    def fitted(*seed: int | str) -> torch.Tensor:
        return fit_linear_probe(*examples(), *seed, num_steps=20, learning_rate=0.01, batch_size=32).weight

    assert torch.equal(fitted(1, "a"), fitted(1, "a"))
    assert not torch.equal(fitted(1, "a"), fitted(1, "b"))
