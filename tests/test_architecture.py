"""The house keeps its shape: imports run downwards, and each heavy library stays in its room."""

import ast
from pathlib import Path

import pytest

import loopsim

ROOT = Path(loopsim.__file__).parent
FLOORS = [
    {"cli", "__main__"},
    {
        "budget",
        "fidelity",
        "pretrain",
        "auditing",
        "benchmark",
        "benchmark_training",
        "benchmark_store",
        "calibrate",
        "corpora",
        "planning",
        "torture",
    },
    {"report", "verify", "sweep", "addition", "fork"},
    {"loop"},
    {"phases"},
    {"run", "checkpoints", "settle", "probe", "context", "bases"},
    {"data", "models", "metrics"},
    {"store"},
    {
        "config",
        "types",
        "rng",
        "faults",
        "distributed",
        "errors",
        "words",
        "lock",
        "interrupt",
        "environment",
        "numerics",
        "device",
        "hashing",
        "ahead",
    },
]
ONLY_IN = {"lmdb": {"store/store.py"}, "typer": {"cli"}, "rich": {"cli", "report"}}


def floor_of(name: str) -> int:
    return next(height for height, rooms in enumerate(FLOORS) if name in rooms)


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_downwards_and_libraries_stay_in_their_rooms(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    room = relative.split("/")[0].removesuffix(".py")
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "loopsim":
            target = rest.split(".")[0]
            if target in {room for rooms in FLOORS for room in rooms}:
                assert floor_of(target) >= floor_of(room), f"{relative} imports {name}, which is on a higher floor"
                siblings = {"data", "models", "metrics"}
                assert not ({room, target} <= siblings and room != target), f"{relative} imports its sibling {name}"
        if top in ONLY_IN:
            assert any(relative.startswith(place) for place in ONLY_IN[top]), f"{relative} may not import {top}"


def test_files_stay_short() -> None:
    assert {path.name: n for path in FILES if (n := len(path.read_text().splitlines())) > 400} == {}
