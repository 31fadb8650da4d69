"""`loopsim audit-text`: whom the texts of a language model leave out and put down, and in which words."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.options import Json, print_json


def audit_text(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A text a line, in JSON: docs/text-audit.md.")],
    dominant: Annotated[
        list[str] | None, typer.Option(metavar="ROLE", help="A role of yours that is dominant; repeatable.")
    ] = None,
    subordinated: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE", help="A role of yours that is subordinated; repeatable."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="Only rows with this value, as model=a; repeatable."),
    ] = None,
    genders_only: Annotated[
        bool, typer.Option("--genders-only", help="No races: needs no table of first names.")
    ] = False,
    max_bad_share: Annotated[
        float, typer.Option(min=0, max=1, help="The share of rows that may be unusable.")
    ] = 0.01,
    words: Annotated[int, typer.Option(min=0, help="How many marked words a group to print.")] = 10,
    json_: Json = False,
) -> None:
    """Audit stories or captions of any language model: omission, subordination, marked words.

    By gender, by race as first names tell it, and by both. Ratios of 1 are parity.

    Example: loopsim audit-text stories.jsonl
    """
    from loopsim.data.first_names import open_first_names
    from loopsim.report.terminal.screen import bars, screen
    from loopsim.report.terminal.text_audit import print_text_audit
    from loopsim.studies.text_audit import audit_texts, fields_of, roles_named

    roles, fields = roles_named(dominant or (), subordinated or ()), fields_of(only or ())
    first_names = None if genders_only else open_first_names()
    with bars() as shown:
        task = shown.add_task("reading", total=None)

        def show(done: int) -> None:
            if done % 100 == 0:
                shown.update(task, completed=done, description=f"{done:,} rows read")

        found = audit_texts(
            file, first_names, roles=roles, only=fields, max_bad_share=max_bad_share, advanced=show
        )
    if json_:
        print_json(found.as_json())
    else:
        print_text_audit(screen(), found, num_words=words)
