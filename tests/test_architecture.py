"""The house keeps its shape: imports run downwards between folders and inside them, each heavy library stays
in its room, and rows are read by their fields.
"""

import re
from pathlib import Path

import pytest

from tests.helpers.floors import FILES, FLOORS, GRAPH, MODULES, PICTURE, ROOT, folder_of, imports, picture

ONLY_IN = {"lmdb": ("store/store.py",), "typer": ("cli/",), "rich": ("cli/", "report/")}
MAX_LINES, MAX_COLUMNS = 400, 110
VAGUE = (
    "parts",
    "settle",
    "ahead",
    "addition",
    "bases",
    "items",
    "probe",
    "words",
    "plain",
    "quiet",
    "collect",
)


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards_and_libraries_stay_in_their_rooms(module: str) -> None:
    own = folder_of(module)
    for target in GRAPH[module] - {"loopsim"}:
        other = folder_of(target)
        below = own == other or FLOORS.index(other) < FLOORS.index(own)
        assert below, f"{module} imports {target}, a floor up"
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
    assert path.stem not in VAGUE, "a name says what the file holds"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_above_the_store_reads_rows_by_string_keys(path: Path) -> None:
    if path.relative_to(ROOT).parts[0] != "store":
        assert not re.search(r"fields\[|encode_key|decode_key|raw_keys\[", path.read_text())


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.rglob("test_*.py")), ids=lambda path: path.name)
def test_no_test_imports_another(path: Path) -> None:
    assert [name for name in imports(path) if re.search(r"(^|\.)(test_|conftest)", name)] == []


def test_the_picture_of_the_floors_is_drawn_from_todays_imports() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(), "run `python -m tests.helpers.floors`"
