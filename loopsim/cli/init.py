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
    from loopsim.report.terminal.screen import screen

    if name is None:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for known, purpose in shipped_configs().items():
            table.add_row(known, purpose)
        screen().print(table)
        return
    text, path = shipped_config(name), output or Path(f"{name}.toml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"-o {path}: there is a file already; name another") from None
    except OSError as error:
        raise ConfigError(f"-o {path}: cannot be written ({error.strerror}); name another file") from error
    then = "study interventions" if name.startswith("study") else "start"
    screen().print(f"{path}: change what you like, then: loopsim {then} {path}", soft_wrap=True)
