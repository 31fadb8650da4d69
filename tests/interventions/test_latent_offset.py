"""Latent offset: its length along the direction is ω, in both units, on the side that a share decides."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from loopsim.core.errors import ConfigError
from loopsim.interventions.base import Draw
from loopsim.interventions.latent_offset import LatentOffset

SHAPE = (4, 6, 6)


def noise(num: int) -> torch.Tensor:
    return torch.randn((num, *SHAPE), generator=torch.Generator().manual_seed(0))


def draws(num: int) -> list[Draw]:
    return [Draw("", "", seed) for seed in range(num)]


@pytest.mark.parametrize(("unit", "length"), [("sd", 3.0), ("norm", 3.0 * 144**0.5)])
def test_the_projection_moves_by_omega_and_nothing_else_moves(unit: str, length: float) -> None:
    offset = LatentOffset(omega=3.0, unit=unit, direction_seed=1)
    before = noise(5)
    moved = offset.noise(before, draws(5)) - before
    direction = offset.unit_direction(SHAPE)
    assert float(direction.norm()) == pytest.approx(1)
    # A slow count: the part along d is ω, the part across it is nothing.
    for one in moved:
        along = float((one * direction).sum())
        assert along == pytest.approx(length, rel=1e-5)
        assert float((one - along * direction).abs().max()) < 1e-4


def test_omega_zero_is_the_identity_and_the_share_decides_the_sides() -> None:
    assert torch.equal(LatentOffset(omega=0.0).noise(noise(3), draws(3)), noise(3))
    offset = LatentOffset(omega=1.0, positive=0.25)
    direction = offset.unit_direction(SHAPE)
    sides = ((offset.noise(noise(400), draws(400)) - noise(400)) * direction).sum((1, 2, 3)) > 0
    assert abs(float(sides.float().mean()) - 0.25) < 0.07
    alone = torch.cat([offset.noise(noise(400)[i : i + 1], draws(400)[i : i + 1]) for i in range(3)])
    assert torch.equal(alone, offset.noise(noise(400), draws(400))[:3])  # whoever its batch mates are


def test_a_direction_from_a_file_is_scaled_and_enters_the_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "direction.safetensors"
    save_file({"direction": torch.full(SHAPE, 7.0)}, path)
    offset = LatentOffset(omega=1.0, direction=str(path))
    assert torch.allclose(offset.unit_direction(SHAPE), torch.full(SHAPE, 144**-0.5))
    before = offset.content()
    save_file({"direction": torch.full(SHAPE, 7.5)}, path)
    assert offset.content() != before
    with pytest.raises(ConfigError, match=r"shape \(1, 2, 2\)"):
        offset.unit_direction((1, 2, 2))
    with pytest.raises(ConfigError, match="no such file"):
        LatentOffset(omega=1.0, direction=str(tmp_path / "gone")).content()
    (tmp_path / "bad").write_bytes(b"not tensors")
    with pytest.raises(ConfigError, match="not a safetensors file"):
        LatentOffset(omega=1.0, direction=str(tmp_path / "bad")).unit_direction(SHAPE)
