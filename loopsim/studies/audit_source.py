"""Whose pictures are audited: those of a config's own generator, a folder, a hub's model, or a run's SD_g."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, final

from loopsim.config import SHIPPED, Config, GeneratorConfig, ResolvedConfig, override_config
from loopsim.config.load import parse_section
from loopsim.context.models import Models
from loopsim.context.session import Session
from loopsim.core.device import choose_device
from loopsim.core.errors import ConfigError, DataError
from loopsim.core.run_folder import ARTIFACTS, STATE
from loopsim.costs.batch_size import drawing_batch
from loopsim.data.corpora import CORPORA
from loopsim.data.corpus import US_WOMEN
from loopsim.models.base_weights import weights_folder
from loopsim.models.diffusion.customary import customary
from loopsim.models.diffusion.family import family_of
from loopsim.models.diffusion.loading import configs_folder, is_pocket_folder
from loopsim.models.hub import is_hub_id
from loopsim.runs.resolve import checked, resolve
from loopsim.runs.retention import require_kept
from loopsim.runs.stored_config import stored_config
from loopsim.store import artifacts
from loopsim.store.integrity import finished_phases, released_phases
from loopsim.store.store import Store

C = TypeVar("C", bound=Config)
POCKET = "openmoji"  # what data.corpus says where nobody says anything


@final
@dataclass(frozen=True)
class AuditSource:
    """Whose pictures are audited: `title` for people, the config that says how it draws and who labels, and
    the folder of SD_g's weights (None: the config's own generator). Of what the config says, `pipelines_own`
    (num_steps, guidance, image_size) is what nobody asked for: the pipeline's customary values.
    """

    title: str
    config: ResolvedConfig
    finetuned: Path | None = None
    pipelines_own: tuple[str, ...] = ()


def of_base(config: Config, runs_dir: Path) -> AuditSource:
    """Return the generator that a config starts from."""
    name = config.generator.checkpoint
    title = "the shipped base model" if name == SHIPPED else name
    return AuditSource(title, resolve(config, runs_dir))


def asked_professions(config: Config, model: str | None = None) -> Mapping[str, float]:
    """Return the professions of an audit's prompts, and the world's share of women in each: those that a
    config names, else its corpus's; the pocket world's are asked of its own models only.
    """
    if config.evaluate.professions:
        return config.evaluate.professions
    if model is not None and config.data.corpus == POCKET and not is_pocket_folder(Path(model)):
        return US_WOMEN
    return CORPORA.get(config.data.corpus).professions(config.data)


def is_id(model: str) -> bool:
    """Return whether a model can only be meant as the hub's owner/name."""
    return "/" in model and is_hub_id(model)


def of_model(model: str, config: Config, runs_dir: Path) -> AuditSource:
    """Return a diffusers folder, a single file or a model of the hub, labelled by what `config` says and
    drawn with what it says, else with the pipeline's customary values; a pocket model with the config's.

    Raises ConfigError without a classifier for photographs, unless it is a pocket model; DataError if there
    is no such model.
    """
    section, path = config.generator, Path(model)
    if section.checkpoint != SHIPPED:  # what the config says of its own generator is not of this one
        section = GeneratorConfig(without_t5=section.without_t5)
    is_pocket = is_pocket_folder(path)
    if not is_pocket:
        _require_classifier(model, config)
    is_single_file = not (path.is_dir() or is_id(model))
    family = section.family if is_single_file else family_of(configs_folder(model)).name
    named = section.model_copy(update={"checkpoint": model, "family": family})
    config = config.model_copy(update={"generator": named})
    return AuditSource(model, resolve(config, runs_dir)) if is_pocket else _customary(model, config, runs_dir)


def _require_classifier(model: str, config: Config) -> None:
    labelled_by = config.encoder.model if config.classifier.kind == "zero_shot" else config.classifier.kind
    if labelled_by == SHIPPED:
        raise ConfigError(
            f"audit {model}: the shipped models know the pocket world only, not what this model draws; name "
            "a classifier for it: --set classifier.kind=zero_shot with an encoder (--set "
            "encoder.model=ViT-L-14 --set encoder.pretrained=openai), or --config FILE with [classifier] "
            "kind = 'checkpoint'"
        )


def _customary(model: str, config: Config, runs_dir: Path) -> AuditSource:
    """Return a source that draws with what the config says, and as is customary where it says nothing: its
    defaults are the pocket model's.
    """
    said = config.generate.model_fields_set | config.data.model_fields_set
    batch = config.generate.batch_size if "batch_size" in said else "auto"
    config = _with(config, "evaluate", professions=asked_professions(config, model))
    config = _with(config, "classifier", calibration="none")  # an audit corrects nothing
    config = _with(config, "generate", batch_size=1 if batch == "auto" else batch)
    resolved = resolve(config, runs_dir)
    own = customary(configs_folder(resolved.generator.config or resolved.generator.checkpoint))
    sections = {"num_steps": "generate", "guidance": "generate", "image_size": "data"}
    unsaid = tuple(name for name in sections if name not in said)
    for name in unsaid:
        resolved = _with(resolved, sections[name], **{name: getattr(own, name)})
    if batch == "auto":
        size = drawing_batch(resolved, weights_folder(resolved), choose_device(resolved.device))
        resolved = _with(resolved, "generate", batch_size=size)
    return AuditSource(model, resolved, pipelines_own=unsaid)


def _with(config: C, section: str, **values: object) -> C:
    return config.model_copy(update={section: getattr(config, section).model_copy(update=values)})


def of_run(directory: Path, generation: int | None, overrides: Sequence[str] = ()) -> AuditSource:
    """Return SD_g of a run, the last one that was trained by default, drawn with and labelled as the run
    does, but for `key=value` overrides.

    Raises DataError if it was not trained, or its weights were let go; ConfigError for an override that does
    not fit, or that would be another generator.
    """
    with Store(directory / STATE, readonly=True) as store:
        config, released = stored_config(store, directory), released_phases(store)
        if generation is not None:
            require_kept(store, directory.name, generation, "finetune")
        trained = {
            g: row.artifacts
            for (g, name), row in finished_phases(store).items()
            if name == "finetune" and row.artifacts and (g, name) not in released
        }
    chosen = max(trained, default=0) if generation is None else generation
    if chosen not in trained:
        known = ", ".join(f"SD_{g}" for g in sorted(trained)) or "none"
        raise DataError(f"run {directory.name} has no SD_{chosen}; generators that it keeps: {known}")
    folder = artifacts.locate(directory / ARTIFACTS, trained[chosen]["generator"])
    title = ", ".join((f"{directory.name}, SD_{chosen}", *overrides))
    return AuditSource(title, _overridden(config, overrides), folder)


def _overridden(config: ResolvedConfig, overrides: Sequence[str]) -> ResolvedConfig:
    if not overrides:
        return config
    tree = override_config(config, overrides).model_dump(mode="json")
    changed = parse_section(ResolvedConfig, tree, "--set")
    if changed.generator != config.generator:
        raise ConfigError("--set generator.…: the run's own generator is audited; leave it out")
    checked(changed)
    return changed


def session_of(source: AuditSource) -> Session:
    """Return a session for a source: its corpus, and what is opened once."""
    config = source.config
    return Session(config.data, config.seed, choose_device(config.device))


def models_of(source: AuditSource, session: Session | None = None) -> Models:
    """Return the models of a source: SD_0 stands for what is audited, if that was trained."""
    config = source.config
    return Models(
        session or session_of(source),
        config,
        weights_folder(config),
        lambda generation, *_: source.finetuned,
    )
