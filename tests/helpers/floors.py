"""The house as its imports draw it: the floors, who imports whom, and the picture of docs/architecture.md.

`python -m tests.helpers.floors` writes the picture anew.
"""

import ast
from html import escape
from pathlib import Path

import loopsim

ROOT = Path(loopsim.__file__).parent
PICTURE = Path(__file__).parents[2] / "docs" / "floors.svg"
# From the ground up. A folder imports only from floors below its own, and from itself without circles.
FLOORS = [
    "core", "store", "config", "metrics", "models", "data", "interventions", "context", "evaluation",
    "phases", "costs", "runs", "trackers", "loop", "report", "export", "studies", "pocket", "benchmarks",
    "api", "cli", "__main__",
]  # fmt: skip
FILES = sorted(ROOT.rglob("*.py"))


def module_of(path: Path) -> str:
    """A file's module name."""
    parts = ("loopsim", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(path: Path) -> list[str]:
    """What a file imports, a function's own imports among them; of `from a import b` a.b."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def module_named(name: str) -> str | None:
    """The module that an imported name lies in: itself, or the longest part of it that is one."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or None


GRAPH = {
    module: {found for name in imports(path) if (found := module_named(name)) is not None} - {module}
    for module, path in MODULES.items()
}


def folder_of(module: str) -> str:
    """The floor that a module stands on; the package's own file hands the API on."""
    return module.split(".")[1] if "." in module else "api"


def stands_on(folder: str) -> set[str]:
    """The other folders that a folder's files import from."""
    mine = [module for module in MODULES if folder_of(module) == folder]
    return {folder_of(target) for module in mine for target in GRAPH[module]} - {folder}


def purpose(folder: str) -> str:
    """The first sentence of what a folder, or a file at the top, says of itself."""
    path = ROOT / folder / "__init__.py" if (ROOT / folder).is_dir() else ROOT / f"{folder}.py"
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split())


def picture() -> str:
    """An SVG: a row a floor, the ground at the bottom; a dot where it imports from the floor of that
    column.
    """
    rows, step, left, top = FLOORS[::-1], 30, 660, 92
    width, height = left + 26 * len(FLOORS) + 20, top + step * len(rows) + 14
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        '<text x="12" y="24" font-size="15" font-weight="bold">loopsim from the ground up</text>',
        '<text x="12" y="42" fill="#555">each row is a folder; a dot: it imports from the folder of that '
        "column. No dot lies right of the stairs.</text>",
    ]
    for column, name in enumerate(FLOORS):
        x = left + 26 * column + 13
        out.append(f'<text transform="translate({x + 4},{top - 10}) rotate(-60)" fill="#333">{name}</text>')
    for index, name in enumerate(rows):
        y, own = top + step * index, FLOORS.index(name)
        if index % 2 == 0:
            out.append(f'<rect x="0" y="{y}" width="{width}" height="{step}" fill="#f4f6fa"/>')
        told = purpose(name)
        told = told if len(told) <= 88 else told[:86].rsplit(" ", 1)[0] + " …"
        out.append(f'<text x="12" y="{y + 20}" font-weight="bold">{name}</text>')
        out.append(f'<text x="118" y="{y + 20}" fill="#333">{escape(told)}</text>')
        out.append(
            f'<rect x="{left + 26 * own}" y="{y + 3}" width="26" height="{step - 6}" rx="4" fill="#d5dcea"/>'
        )
        for other in sorted(stands_on(name), key=FLOORS.index):
            x = left + 26 * FLOORS.index(other) + 13
            out.append(f'<circle cx="{x}" cy="{y + step // 2}" r="5" fill="#2f5fb3"/>')
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    print(f"{PICTURE}: {len(FLOORS)} floors, {len(MODULES)} modules")
