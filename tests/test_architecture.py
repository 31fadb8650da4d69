"""The house keeps its shape: imports run downwards between folders and inside them, and each heavy library
stays in its room.
"""

import ast
from pathlib import Path

import pytest

import loopsim

ROOT = Path(loopsim.__file__).parent
# From the ground up. A folder imports only from floors below its own, and from itself without circles.
FLOORS = [
    "core", "store", "config", "metrics", "models", "data", "context", "interventions", "evaluation",
    "phases", "costs", "runs", "loop", "report", "studies", "pocket", "benchmarks", "api", "cli", "__main__",
]  # fmt: skip
ONLY_IN = {"lmdb": ("store/store.py",), "typer": ("cli/",), "rich": ("cli/", "report/")}
FILES = sorted(ROOT.rglob("*.py"))
MAX_LINES, MAX_COLUMNS = 430, 110


def module_of(path: Path) -> str:
    parts = ("loopsim", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(path: Path) -> list[str]:
    """Return what a file imports, a function's own imports among them; of `from a import b` a.b."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def module_named(name: str) -> str | None:
    """Return the module that an imported name lies in: itself, or the longest part of it that is one."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or None


GRAPH = {
    module: {found for name in imports(path) if (found := module_named(name)) is not None} - {module}
    for module, path in MODULES.items()
}


def folder_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "api"  # the package's own file hands the API on


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards_and_libraries_stay_in_their_rooms(module: str) -> None:
    own = folder_of(module)
    for target in GRAPH[module] - {"loopsim"}:
        other = folder_of(target)
        assert own == other or FLOORS.index(other) < FLOORS.index(own), (
            f"{module} imports {target}, a floor up"
        )
    relative = MODULES[module].relative_to(ROOT).as_posix()
    for name in imports(MODULES[module]):
        places = ONLY_IN.get(name.partition(".")[0], ("",))
        assert relative.startswith(places), f"{relative} may not import {name}"


def test_no_files_import_each_other_in_a_circle() -> None:
    left = {module: set(targets) - {"loopsim"} for module, targets in GRAPH.items()}
    while free := [module for module, targets in left.items() if not targets & left.keys()]:
        for module in free:
            del left[module]
    assert left == {}, f"these import each other, or stand above such ones: {sorted(left)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_stay_short_and_narrow(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= MAX_LINES
    assert [n for n, line in enumerate(lines, 1) if len(line) > MAX_COLUMNS] == []
