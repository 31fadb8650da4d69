"""Where tensors live and in which arithmetic: CUDA, Apple's MPS or the CPU, each in its own best way."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, final

import torch
from torch import nn

from loopsim.core.errors import ConfigError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


# bfloat16 doubles the speed of a processor that computes in it, and takes five times as long where it is
# emulated.
CPU_SAMPLING = (
    torch.bfloat16
    if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    else torch.float32
)


class DeviceRequest(Protocol):
    """What is asked for: `loopsim.config.DeviceConfig`, which is on a higher floor."""

    @property
    def name(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def channels_last(self) -> bool | None: ...
    @property
    def attention(self) -> str: ...
    @property
    def compile(self) -> bool: ...


@final
@dataclass(frozen=True)
class Device:
    """`train_dtype`: the arithmetic of a training step (weights stay in float32); `sample_dtype`: of the
    weights that only draw.
    """

    name: str = "cpu"
    train_dtype: torch.dtype = torch.float32
    sample_dtype: torch.dtype = CPU_SAMPLING
    channels_last: bool = False
    compile: bool = False

    @property
    def kind(self) -> str:
        """cuda, mps or cpu."""
        return self.name.partition(":")[0]

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        """Run what is inside in the training arithmetic."""
        with torch.autocast(self.kind, self.train_dtype, enabled=self.train_dtype != torch.float32):
            yield

    def place(self, module: nn.Module, dtype: torch.dtype | None = None) -> nn.Module:
        """Move a module here, with its convolutions' weights in the layout that is fastest here."""
        module.to(device=self.name, dtype=dtype)
        if self.channels_last:
            module.to(memory_format=torch.channels_last)
        return module

    def scaler(self) -> torch.amp.GradScaler:
        """Return the loss scaler that float16 needs; it does nothing otherwise."""
        return torch.amp.GradScaler(self.kind, enabled=self.train_dtype == torch.float16)

    def synchronize(self) -> None:
        """Return when all work that was handed to the device is done."""
        if self.kind == "cuda":
            torch.cuda.synchronize()
        elif self.kind == "mps":
            torch.mps.synchronize()


CPU = Device()


def choose_device(config: DeviceRequest, local_rank: int = 0) -> Device:
    """Return the device that a config asks for. Raises ConfigError if it is not there.

    On GPUs "auto" trains in bfloat16 where the hardware has it (fp16 on older CUDA cards, fp32 on MPS), on
    the CPU in float32; convolutions are laid out channels-last on CUDA.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    name = (
        next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
        if config.name == "auto"
        else config.name
    )
    if not available[name]:
        found = ", ".join(kind for kind, is_there in available.items() if is_there)
        raise ConfigError(f'device.name = "{name}": PyTorch finds no such device; it finds: {found}')
    if name == "cuda":
        best = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        train, sample = best, best
        _choose_attention(config.attention)
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    else:
        train, sample = torch.float32, torch.float16 if name == "mps" else CPU_SAMPLING
    if config.precision != "auto":
        train = sample = PRECISIONS[config.precision]
    last = name == "cuda" if config.channels_last is None else config.channels_last
    return Device(f"cuda:{local_rank}" if name == "cuda" else name, train, sample, last, config.compile)


def _choose_attention(kind: str) -> None:
    if kind != "auto":
        torch.backends.cuda.enable_flash_sdp(kind == "flash")
        torch.backends.cuda.enable_mem_efficient_sdp(kind == "efficient")
        torch.backends.cuda.enable_math_sdp(True)  # what the others cannot do


def largest_batch(unit: Callable[[int], object], device: Device, limit: int) -> int:
    """Return a batch size for `unit(n)`: doubled until memory runs out, or until twice as much brings less
    than 5 % more throughput.
    """
    best, best_rate, size = 1, 0.0, 1
    while size <= limit:
        try:
            unit(size)  # warms up
            device.synchronize()
            start = time.perf_counter()
            unit(size)
            device.synchronize()
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            return max(1, best if size > best else size // 2)
        rate = size / max(time.perf_counter() - start, 1e-9)
        if rate < 1.05 * best_rate:
            break
        best, best_rate, size = size, rate, 2 * size
    return best
