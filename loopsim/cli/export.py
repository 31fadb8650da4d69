"""`loopsim export`: a run's estimates, pictures or models for other tools."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from loopsim.cli.options import RunName, RunsDir


def export(
    run: RunName = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A file for --metrics, else a folder; it must not be there yet."),
    ] = None,
    metrics: Annotated[
        Literal["csv", "parquet", "jsonl"] | None,
        typer.Option(help="Every estimate with its drift, a row a generation, metric and group."),
    ] = None,
    samples: Annotated[
        Literal["folder", "webdataset", "datasets"] | None,
        typer.Option(help="The pictures of S_g with their lineage."),
    ] = None,
    models: Annotated[
        bool, typer.Option("--models", help="CLIP_g, captioner_g and SD_g as their own libraries load them.")
    ] = False,
    generation: Annotated[
        int | None, typer.Option("-g", "--generation", help="Of --samples and --models: which one.")
    ] = None,
    all_candidates: Annotated[
        bool, typer.Option("--all-candidates", help="Of --samples: those that curation dropped, too.")
    ] = False,
    shard_mb: Annotated[
        int, typer.Option("--shard-mb", min=1, help="Of --samples webdataset: the size of a shard.")
    ] = 500,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Write a run's estimates, pictures or models for other tools.

    Example: loopsim export pocket --samples folder -g 2 -o s2
    """
    from loopsim.core.errors import ConfigError
    from loopsim.export.place import require_free, write_new_file
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_run

    wishes = {"--metrics": metrics, "--samples": samples, "--models": models}
    asked = [name for name, given in wishes.items() if given]
    if len(asked) != 1:
        problem = f"{' and '.join(asked)}: one export at a time" if asked else "nothing is asked for"
        raise ConfigError(f"{problem}; give --metrics csv, --samples folder or --models, and -o")
    if output is None:
        raise ConfigError(f"{asked[0]}: say where to with -o")
    directory = find_run(runs_dir, run)
    require_free(output, directory)
    if metrics is not None:
        from loopsim.export.table import WRITERS, table_of
        from loopsim.report.summary import summarize

        if generation is not None:
            raise ConfigError("-g: --metrics has every generation; leave it out")
        rows = table_of(summarize(directory))
        write_new_file(output, lambda place: WRITERS[metrics](rows, place))
        screen().print(f"{len(rows)} rows: {output}", soft_wrap=True)
        return
    if generation is None:
        raise ConfigError(f"{asked[0]}: say of which generation with -g")
    if samples is not None:
        from loopsim.export.samples import SampleChoice, export_samples

        choice = SampleChoice(generation, all_candidates, shard_mb * 10**6)
        count = export_samples(directory, choice, samples, output)
        screen().print(f"{count} pictures of S_{generation}: {output}", soft_wrap=True)
        return
    from loopsim.export.models import export_models

    told = export_models(directory, generation, output)
    screen().print(f"{', '.join(told)}: {output}", soft_wrap=True)
