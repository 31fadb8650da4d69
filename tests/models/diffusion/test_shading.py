"""Gaussian Shading: the noise stays normal, what was written is read, by a slow reader too."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from loopsim.models.diffusion.shading import Shading


def noises(num: int, shape: tuple[int, int, int] = (4, 8, 8), seed: int = 0) -> torch.Tensor:
    return torch.randn((num, *shape), generator=torch.Generator().manual_seed(seed))


def slow_read(shading: Shading, noise: torch.Tensor) -> int:
    values, best = noise.flatten().tolist(), 0
    for number in range(shading.num_keystreams):
        stream, right = shading.keystream(number, len(values)).tolist(), 0
        for bit in range(shading.num_bits):
            mine = range(bit, len(values), shading.num_bits)
            votes = sum(int(np.sign(values[i])) * stream[i] for i in mine)
            votes = votes or sum(values[i] * stream[i] for i in mine)
            right += (votes > 0) == (shading.message[bit].item() > 0)
        best = max(best, right)
    return best


@settings(max_examples=30)
@given(bits=st.integers(8, 70), streams=st.integers(1, 5), seed=st.integers(0, 99), marked=st.booleans())
def test_a_slow_reader_reads_the_same(bits: int, streams: int, seed: int, marked: bool) -> None:
    shading = Shading("key", 1, bits, streams)
    noise = noises(2, (3, 5, 7), seed)
    if marked:
        noise = torch.stack([shading.mark(row, seed) for row in noise]) + noises(2, (3, 5, 7), seed + 1)
    assert shading.read(noise).tolist() == [slow_read(shading, row) for row in noise]


@given(bits=st.integers(8, 256), seed=st.integers(0, 2**40))
def test_what_was_written_is_read_and_sizes_stay(bits: int, seed: int) -> None:
    shading = Shading("key", 3, bits, 4)
    (noise,) = noises(1, seed=seed % 1000)
    marked = shading.mark(noise, seed)
    assert torch.equal(marked.abs(), noise.abs())
    assert shading.read(marked[None]).tolist() == [bits]


def test_marked_noise_is_normal_and_without_a_pattern() -> None:
    shading = Shading("key", 1, 128, 256)
    marked = torch.stack([shading.mark(row, seed) for seed, row in enumerate(noises(500, (32, 8, 8)))])
    assert kstest(marked.flatten()[::7].numpy(), "norm").pvalue > 0.01
    # No latent has a sign of its own: a mean over pictures is as large as it is by chance.
    means = marked.flatten(1).sign().mean(0) * 500**0.5
    assert float(means.std()) == pytest.approx((1 + 499 / 256) ** 0.5, abs=0.15)  # some share a keystream
    alone = torch.stack([Shading("key", 1, 128, 1).mark(row, 0) for row in noises(500, (32, 8, 8))])
    assert float((alone.flatten(1).sign().mean(0) * 500**0.5).std()) > 20


def test_each_key_generation_and_picture_has_its_own() -> None:
    one = Shading("key", 1, 128, 256)
    for other in (Shading("another", 1, 128, 256), Shading("key", 2, 128, 256)):
        assert 0.3 < float((one.message == other.message).float().mean()) < 0.7
    marked = torch.stack([one.mark(row, seed) for seed, row in enumerate(noises(40, (32, 8, 8)))])
    assert (one.read(marked) == 128).all()
    assert (Shading("key", 2, 128, 256).read(marked) < 100).all()
    assert len({one.keystream_of(seed) for seed in range(100)}) > 60


@pytest.mark.parametrize("num_bits", [64, 256])
def test_unmarked_noise_is_a_coin(num_bits: int) -> None:
    right = Shading("key", 1, num_bits, 1).read(noises(400, (8, 8, 8), 5))
    assert right.mean() / num_bits == pytest.approx(0.5, abs=0.01)
    assert right.std() == pytest.approx((num_bits / 4) ** 0.5, rel=0.12)
