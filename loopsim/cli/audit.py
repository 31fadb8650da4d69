"""`loopsim audit`: whom a generator draws when the prompt leaves it open."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loopsim.cli.options import Json, Overrides, RunsDir, UnitOption, asked_config, print_json, print_tabbed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loopsim.config import EncoderConfig
    from loopsim.studies.audit_source import AuditSource


def audit(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A diffusers folder, a hub id (owner/name), or a run's name; default: the generator that "
            "the config starts from.",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A config whose classifier, prompts, steps and guidance are used; a run has its own.",
        ),
    ] = None,
    set_: Overrides = None,
    generation: Annotated[
        int | None, typer.Option("-g", "--generation", help="Of a run: audit SD_g; default: its last one.")
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="A text file: a prompt a line, then a tab and the world's share of women if known."
        ),
    ] = None,
    list_prompts: Annotated[
        bool, typer.Option("--list-prompts", help="Print the prompts as --prompts reads them, and end.")
    ] = False,
    images: Annotated[int, typer.Option(min=1, help="Pictures a prompt.")] = 50,
    save_images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the pictures: PNG files, and metadata.jsonl with prompts, seeds, labels.",
        ),
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Move all noises along a direction of `loopsim directions`, or `random`: the control.",
        ),
    ] = None,
    omega: Annotated[float | None, typer.Option(help="How far along --direction, in --unit.")] = None,
    unit: UnitOption = "sd",
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:PRETRAINED]",
            help="The CLIP that tells how alike pictures look: an open_clip name and tag, or a folder; "
            "default: the config's [encoder].",
        ),
    ] = None,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Audit whom a generator draws where the prompt leaves it open, against the world's shares.

    Shares come with intervals; a slope above 1 exaggerates the world's stereotype. Then, by group, how alike
    its pictures look. --set generate.num_steps=30, generate.guidance=5 or classifier.kind=zero_shot change
    how pictures are drawn and who labels them.

    Example: loopsim audit pocket -g 3 --json
    """
    from dataclasses import replace

    from loopsim.core.errors import ConfigError
    from loopsim.core.reproducibility import make_reproducible
    from loopsim.export.audited import OPTION, saved_pictures
    from loopsim.export.place import require_free
    from loopsim.models.library_messages import silence_libraries
    from loopsim.report.audit import audit_as_json
    from loopsim.report.terminal.audit import print_audit
    from loopsim.report.terminal.screen import bars, screen
    from loopsim.studies.generator_audit import audit_model, default_prompts, prompt_rows, read_prompts
    from loopsim.studies.latent_directions import shift_for_audit

    silence_libraries()
    asked = read_prompts(prompts) if prompts is not None else None
    if list_prompts:
        professions = _professions(model, config, generation, runs_dir, set_ or ())
        print_tabbed(prompt_rows(asked or default_prompts(professions)))
        return
    if save_images is not None:
        require_free(save_images, _run_named(model, runs_dir), OPTION)
    if (direction is None) != (omega is None):
        raise ConfigError("--direction and --omega belong together: along which one, and how far")
    source = asked_source(model, config, generation, runs_dir, set_ or ())
    shift = None
    if direction is not None and omega is not None:
        shift = shift_for_audit(source, direction, omega, unit)
        source = replace(source, title=f"{source.title}, moved by {omega:+g} {unit} along {direction}")
    make_reproducible(source.config.num_threads)
    with saved_pictures(save_images) as save, bars() as shown:
        task = shown.add_task("drawing", total=None)
        found = audit_model(
            source,
            asked,
            num_images=images,
            shift=shift,
            encoder=None if encoder is None else _encoder(encoder),
            drawn=save,
            advanced=lambda done, total: shown.update(task, completed=done, total=total),
        )
    if json_:
        print_json(audit_as_json(source.title, found))
    else:
        print_audit(screen(), source.title, found)


def _encoder(text: str) -> "EncoderConfig":
    from loopsim.config import EncoderConfig

    name, colon, pretrained = text.partition(":")
    return EncoderConfig(model=name, pretrained=pretrained if colon else None)


def _run_named(model: str | None, runs_dir: Path) -> Path | None:
    """Return the directory of the run that MODEL names, None if it names something else."""
    from loopsim.runs.catalog import is_run, place_of

    place = None if model is None else place_of(runs_dir, model)
    return place if place is not None and is_run(place) else None


def _professions(
    model: str | None, config: str | None, generation: int | None, runs_dir: Path, overrides: "Sequence[str]"
) -> "Mapping[str, float]":
    """Return the professions of the default prompts; no model is opened, or fetched."""
    from loopsim.studies.audit_source import asked_professions

    if _run_named(model, runs_dir) is not None:
        return asked_source(model, config, generation, runs_dir, overrides).config.evaluate.professions
    return asked_professions(asked_config(config or "pocket", list(overrides)), model)


def asked_source(
    model: str | None,
    config: str | None,
    generation: int | None,
    runs_dir: Path,
    overrides: "Sequence[str]" = (),
) -> "AuditSource":
    """Return whose pictures are audited: a run's, a model's, or the config's own generator's."""
    from loopsim.core.errors import ConfigError
    from loopsim.runs.catalog import find_run
    from loopsim.studies.audit_source import is_id, of_base, of_model, of_run

    run = _run_named(model, runs_dir)
    if run is not None:
        if config is not None:
            raise ConfigError(
                f"--config {config}: the run {model} is audited with its own config; leave it out, or change "
                "values with --set"
            )
        return of_run(run, generation, overrides)
    if generation is not None:
        raise ConfigError(f"-g {generation}: only a run has generations; name one")
    asked = asked_config(config or "pocket", list(overrides))
    if model is None:
        return of_base(asked, runs_dir)
    may_be_run = Path(model).absolute().parent == runs_dir.absolute()
    if config is not None or Path(model).exists() or (is_id(model) and not may_be_run):
        return of_model(model, asked, runs_dir)
    return of_run(find_run(runs_dir, model), generation)  # neither: says which runs there are
