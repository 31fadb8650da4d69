"""Devices that are not there are named; batches grow while it pays."""

import time

import pytest
import torch

from loopsim.config import DeviceConfig
from loopsim.core.device import Device, choose_device, largest_batch
from loopsim.core.errors import ConfigError


def test_a_device_that_is_not_there_is_named() -> None:
    assert choose_device(DeviceConfig(name="cpu")) == Device()
    assert choose_device(DeviceConfig(name="cpu", precision="bf16")).train_dtype == torch.bfloat16
    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(
        ConfigError, match=f'device.name = "{missing}": PyTorch finds no such device; it finds: .*cpu'
    ):
        choose_device(DeviceConfig(name=missing))


def test_the_largest_batch_stops_where_memory_ends_or_nothing_is_won() -> None:
    def until(limit: int):
        def unit(n: int) -> None:
            if n > limit:
                raise torch.OutOfMemoryError

        return unit

    assert largest_batch(until(5), Device(), 64) <= 5
    assert largest_batch(lambda n: time.sleep(0.02 * n), Device(), 64) <= 2  # no gain in taking more
    assert largest_batch(lambda n: time.sleep(0.02), Device(), 8) == 8
