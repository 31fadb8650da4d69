"""`loopsim audit`: whom a generator draws when the prompt leaves it open."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loopsim.cli.options import Json, RunsDir, UnitOption, asked_config, print_json

if TYPE_CHECKING:
    from loopsim.config import EncoderConfig
    from loopsim.studies.generator_audit import AuditSource


def audit(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A diffusers folder, or a run's name; default: the generator that the config starts from.",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A config whose classifier, prompts, steps and guidance are used; a run has its own.",
        ),
    ] = None,
    generation: Annotated[
        int | None, typer.Option("-g", "--generation", help="Of a run: audit SD_g; default: its last one.")
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="A text file: a prompt a line, then a tab and the world's share of women if known."
        ),
    ] = None,
    images: Annotated[int, typer.Option(min=1, help="Pictures a prompt.")] = 50,
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
    its pictures look.

    Example: loopsim audit pocket -g 3 --json
    """
    from dataclasses import replace

    from loopsim.core.errors import ConfigError
    from loopsim.core.reproducibility import make_reproducible
    from loopsim.models.library_messages import silence_libraries
    from loopsim.report.audit import audit_as_json
    from loopsim.report.terminal.audit import print_audit
    from loopsim.report.terminal.screen import bars, screen
    from loopsim.studies.generator_audit import audit_model, read_prompts
    from loopsim.studies.latent_directions import shift_for_audit

    silence_libraries()
    asked = read_prompts(prompts) if prompts is not None else None
    source = asked_source(model, config, generation, runs_dir)
    if (direction is None) != (omega is None):
        raise ConfigError("--direction and --omega belong together: along which one, and how far")
    shift = None
    if direction is not None and omega is not None:
        shift = shift_for_audit(source, direction, omega, unit)
        source = replace(source, title=f"{source.title}, moved by {omega:+g} {unit} along {direction}")
    make_reproducible(source.config.num_threads)
    with bars() as shown:
        task = shown.add_task("drawing", total=None)
        found = audit_model(
            source,
            asked,
            num_images=images,
            shift=shift,
            encoder=None if encoder is None else _encoder(encoder),
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


def asked_source(
    model: str | None, config: str | None, generation: int | None, runs_dir: Path
) -> "AuditSource":
    """Return whose pictures are audited: a run's, a folder's, or the config's own generator's."""
    from loopsim.core.errors import ConfigError
    from loopsim.runs.catalog import find_run, is_run, place_of
    from loopsim.studies.generator_audit import of_base, of_folder, of_run

    asked = None if config is None else asked_config(config)
    if model is not None and is_run(place_of(runs_dir, model)):
        if asked is not None:
            raise ConfigError(
                f"--config {config}: the run {model} is audited with its own config; leave it out"
            )
        return of_run(find_run(runs_dir, model), generation)
    if generation is not None:
        raise ConfigError(f"-g {generation}: only a run has generations; name one")
    if model is None:
        return of_base(asked or asked_config("pocket"), runs_dir)
    if asked is not None or Path(model).exists():
        return of_folder(model, asked, runs_dir)
    return of_run(find_run(runs_dir, model), generation)  # neither: says which runs there are
