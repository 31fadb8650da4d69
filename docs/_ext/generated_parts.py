"""Parts of the pages that are made from the program, so that they cannot differ from it.

A line `% generated: NAME` of a page gives way to what the function of that name returns, in Markdown.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import typer
from sphinx.application import Sphinx
from typer.cli import get_docs_for_click

import loopsim.metrics
from loopsim.cli.main import COMMANDS
from loopsim.cli.main import app as cli
from loopsim.core.gendered_words import FEMININE, MASCULINE
from loopsim.evaluation.measure import MEASURES, Measure, Section
from loopsim.report.plain_words import METRICS

PLACE = re.compile(r"^% generated: (\w+)$", re.MULTILINE)
SECTIONS = {
    "data": "Who is in the data",
    "generator": "Who the generator draws",
    "clip": "CLIP",
    "captions": "Captions",
    "quality": "Quality of generated pictures",
}


def metrics_in_words() -> str:
    """Return the table of metrics as reports call them."""
    rows = [
        (f"`{metric}`", words.name, words.meaning, words.better or "") for metric, words in METRICS.items()
    ]
    return table(("metric", "in reports", "what it tells", "better"), rows)


def measures() -> str:
    """Return the table of what `evaluate.metrics` can name: every measure of loopsim, by section."""
    order = list(get_args(Section))
    known = sorted(MEASURES.own.values(), key=lambda one: (order.index(one.section), one.on_demand, one.name))
    rows = [
        (f"`{one.name}`", SECTIONS[one.section], told_of(one), "on demand" if one.on_demand else "default")
        for one in known
    ]
    return table(("measure", "section of the report", "what it does", "measured"), rows)


def told_of(measure: Measure) -> str:
    """Return the first paragraph of what a measure's function says of itself."""
    return " ".join((inspect.getdoc(measure.body) or "").split("\n\n")[0].split())


def metric_modules() -> str:
    """Return the reference of every module of `loopsim.metrics`, from its docstrings."""
    names = sorted(module.name for module in pkgutil.iter_modules(loopsim.metrics.__path__))
    return "\n".join(f"## {name}\n\n{from_docstrings(f'loopsim.metrics.{name}')}" for name in names)


def public_names() -> str:
    """Return the reference of the names that `import loopsim` gives: what starts and reads runs, then what
    own parts are made of; functions first.
    """
    parts: dict[str, list[str]] = {"Loops and runs": [], "Parts of your own": []}
    for name in sorted(loopsim.__all__, key=lambda name: (inspect.isclass(getattr(loopsim, name)), name)):
        value = getattr(loopsim, name)
        kind = "autofunction" if inspect.isfunction(value) else "autoclass"
        if kind == "autoclass" and not inspect.isclass(value):
            kind = "autodata"
        elif kind == "autoclass" and issubclass(value, Exception):
            kind = "autoexception"
        home = getattr(value, "__module__", "")
        is_part = home.startswith(("loopsim.data", "loopsim.evaluation", "loopsim.interventions"))
        title = "Parts of your own" if is_part or kind == "autodata" else "Loops and runs"
        parts[title].append(f"```{{eval-rst}}\n.. {kind}:: loopsim.{name}\n```\n")
    return "\n".join(f"## {title}\n\n" + "\n".join(found) for title, found in parts.items())


def commands() -> str:
    """Return the commands by what they are for, then the reference of each, as typer tells it."""
    rows = [
        (title, f"[`{name}`](#loopsim-{name})", (inspect.getdoc(body) or "").split("\n")[0])
        for title, group in COMMANDS.items()
        for body in group
        for name in (body.__name__.replace("_", "-"),)
    ]
    command = typer.main.get_command(cli)
    context = command.make_context("loopsim", [], resilient_parsing=True)
    text = get_docs_for_click(obj=command, ctx=context, indent=0, name="loopsim")
    return table(("", "command", "what it does"), rows) + "\n" + text[text.index("\n## ") :]


def from_docstrings(module: str) -> str:
    """Return the directive that documents a module."""
    importlib.import_module(module)
    return f"```{{eval-rst}}\n.. automodule:: {module}\n```\n"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def gendered_words() -> str:
    """Return the lists of words that make a caption a man's or a woman's."""
    lists = {"Masculine words": MASCULINE, "Feminine words": FEMININE}
    return "\n\n".join(f"**{title}**: {', '.join(sorted(words))}." for title, words in lists.items())


PARTS: dict[str, Callable[[], str]] = {
    part.__name__: part
    for part in (metrics_in_words, measures, metric_modules, public_names, commands, gendered_words)
}


def fill_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the parts where a page names them."""
    source[0] = PLACE.sub(lambda found: PARTS[found[1]](), source[0])


def lead_home(app: Sphinx, path: Path, parent: str, content: list[str]) -> None:
    """Let the links of a file that lies beside docs/ lead there from docs/."""
    content[0] = content[0].replace("](tests/", "](../tests/").replace("](configs/", "](../configs/")


def setup(app: Sphinx) -> dict[str, Any]:
    """Join Sphinx."""
    app.connect("source-read", fill_in)
    app.connect("include-read", lead_home)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
