"""`loopsim init`: a commented config to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.completion import shipped_names


def init(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="Which one; without a name they are listed.", autocompletion=shipped_names
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: NAME.toml, here.")
    ] = None,
) -> None:
    """Write a commented config to change and to start from; without a name, list what there is.

    Example: loopsim init own_folder -o mine.toml
    """
    from rich.table import Table

    from loopsim.config.shipped import shipped_config, shipped_configs
    from loopsim.core.errors import ConfigError
    from loopsim.core.files import write_atomically
    from loopsim.core.output import refusals_told, require_place
    from loopsim.report.terminal.screen import screen

    if name is None:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for known, purpose in shipped_configs().items():
            table.add_row(known, purpose)
        screen().print(table)
        return
    text, path = shipped_config(name), output or Path(f"{name}.toml")
    require_place(path, "-o")
    if path.exists() or path.is_symlink():
        raise ConfigError(f"-o {path}: there is a file already; name another")
    with refusals_told(path, "-o"):
        write_atomically(path, text.encode())
    then = "study interventions" if name.startswith("study") else "start"
    screen().print(f"{path}: change what you like, then: loopsim {then} {path}", soft_wrap=True)
