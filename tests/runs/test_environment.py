"""Each factor that may change bits is noticed, and told."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from loopsim.runs.environment import FACTORS, environment, what_changed

pytestmark = pytest.mark.hostile


def changed(now: Mapping[str, Any], **entries: Any) -> dict[str, Any]:
    """An environment whose entries are others; a mapping's are merged."""
    merged = {n: now[n] | value if isinstance(value, dict) else value for n, value in entries.items()}
    return {**now, **merged}


@pytest.mark.parametrize(
    ("factor", "entries", "told"),
    [
        ("processes", {"num_processes": 2}, "num_processes 1 -> 2"),
        ("instruction sets", {"capability": "AVX1024"}, "-> AVX1024"),
        ("instruction sets", {"processor": "Abacus"}, "-> Abacus"),
        ("instruction sets", {"flags": "avx (1 flags, 00)"}, "-> avx (1 flags, 00)"),
        (
            "instruction sets",
            {"variables": {"ONEDNN_MAX_CPU_ISA": "SSE41"}},
            "ONEDNN_MAX_CPU_ISA not set -> SSE41",
        ),
        ("instruction sets", {"kernels": {"oneDNN": "v0.1"}}, "oneDNN"),
        ("threads", {"num_threads": 99}, "-> 99"),
        ("threads", {"thread_variables": {"OPENBLAS_NUM_THREADS": "98"}}, "-> 98"),
        ("versions and device", {"versions": {"torch": "1.0"}}, "-> 1.0"),
        ("versions and device", {"python": "2.7"}, "-> 2.7"),
        ("versions and device", {"device": "another card"}, "-> another card"),
    ],
)
def test_each_factor_is_told_with_what_it_may_change(factor: str, entries: dict, told: str) -> None:
    here = environment()
    (line,) = what_changed(here, changed(here, **entries))
    assert line.startswith(f"{factor}: ")
    assert told in line
    assert line.endswith(f"({FACTORS[factor][1]})")


def test_the_same_surroundings_are_no_news_and_four_changes_are_four_lines() -> None:
    here = environment(1)
    assert what_changed(here, environment(1)) == []
    assert what_changed(json.loads(json.dumps(here)), here) == [], "as the store gives it back"
    there = changed(here, num_processes=2, capability="none", num_threads=99, versions={"torch": "1.0"})
    assert [line.partition(":")[0] for line in what_changed(here, there)] == list(FACTORS)


def test_what_an_older_loopsim_did_not_note_is_not_told() -> None:
    here = environment()
    noted = ("python", "versions", "num_threads", "device", "capability")
    assert what_changed({name: here[name] for name in noted}, here) == []


def test_variables_that_choose_kernels_are_noted_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {
        "DNNL_MAX_CPU_ISA": "AVX2",
        "MKL_CBWR": "COMPATIBLE",
        "CUBLAS_WORKSPACE_CONFIG": ":16:8",
        "NVIDIA_TF32_OVERRIDE": "0",
        "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": "default",
    }
    for name, value in {**chosen, "OMP_NUM_THREADS": "3", "API_TOKEN": "secret", "CUDA_HOME": "/x"}.items():
        monkeypatch.setenv(name, value)
    found = environment()
    assert chosen.items() <= found["variables"].items()
    assert found["thread_variables"]["OMP_NUM_THREADS"] == "3"
    assert not {"API_TOKEN", "CUDA_HOME"} & found["variables"].keys()


def test_another_instruction_set_is_really_told() -> None:
    code = "import json; from loopsim.runs.environment import environment; print(json.dumps(environment()))"
    there = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env=os.environ | {"ATEN_CPU_CAPABILITY": "default"},
    )
    told = what_changed(environment(), json.loads(there.stdout))
    (line,) = [line for line in told if line.startswith("instruction sets: ")]
    assert "ATEN_CPU_CAPABILITY not set -> default" in line
    assert "capability" in line
