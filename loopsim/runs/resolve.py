"""What a run must know before it starts, and a config may leave open: decided here, once, when the run is
made.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from loopsim.config import SHIPPED, Config, ResolvedConfig, TrackersConfig, load_config
from loopsim.core.choices import Origin
from loopsim.core.device import Device, choose_device
from loopsim.core.errors import ConfigError
from loopsim.core.packages import require_package
from loopsim.costs.batch_size import drawing_batch, finetuning_batch
from loopsim.data.corpora import CORPORA, check_data
from loopsim.evaluation.measure import MEASURES, default_measures
from loopsim.interventions.base import Place
from loopsim.interventions.registry import INTERVENTIONS, build, check
from loopsim.models.base_weights import check_models, weights_folder
from loopsim.models.classifiers import CLASSIFIERS, labels_of
from loopsim.models.diffusion.loading import with_family
from loopsim.phases.curations.curation import CURATIONS
from loopsim.phases.policies.policy import POLICIES

EXTRAS = {"trackio": "trackio"}  # of trackers; the others' is `trackers`
# What a config may say instead of a value, by key: asked again, it agrees with whatever it was resolved to.
OPEN: dict[tuple[str, str], tuple[object, ...]] = {
    ("data", "num_train"): ("all",),
    ("data", "num_retrieval"): ("all",),
    ("data", "num_faces"): ("all",),
    ("data", "manifest"): (None,),
    ("classifier", "nobody"): (None,),
    ("classifier", "undetected"): (None,),
    ("evaluate", "metrics"): ("default",),
    ("evaluate", "professions"): (None,),
    ("generator", "family"): ("auto",),
    ("generate", "batch_size"): ("auto",),
    ("finetune", "micro_batch"): ("auto", "whole"),
}
CorpusRead = Callable[[str, int], None]  # split, rows read so far


def read_config(source: str, overrides: list[str] | tuple[str, ...] = ()) -> Config:
    """Return the config of a preset's name or a TOML file, changed by `key=value` overrides, its choices
    checked.

    Raises ConfigError naming the key, with the nearest known one or the allowed values.
    """
    return checked(load_config(source, overrides))


def checked(config: Config) -> Config:
    """Return the config if everything that it names is known. Raises ConfigError for the first that is
    not.
    """
    POLICIES.get(config.compose.policy)
    CURATIONS.get(config.generate.curation)
    if config.evaluate.metrics != "default":
        MEASURES.require(config.evaluate.metrics)
    interventions = build(config.interventions)
    check_models(config)
    require_trackers(config.trackers)
    kind = CORPORA.get(config.data.corpus)
    if config.generate.generator == "oracle" and not kind.knows_its_process:
        raise ConfigError(
            "generate.generator = 'oracle' needs a corpus whose process is known, as data.corpus = "
            "'openmoji' is; "
            f"{config.data.corpus!r} is not"
        )
    if config.generate.generator == "oracle":
        for number, one in enumerate(interventions):
            if one.acts() and (one.prepares() or one.places & {Place.NOISE, Place.WEIGHTS}):
                raise ConfigError(
                    f"interventions[{number}].kind = {one.name!r} changes what a generator draws, and "
                    "generate.generator = 'oracle' has none; leave one of them out"
                )
    if config.classifier.kind == SHIPPED and config.data.corpus != "openmoji":
        raise ConfigError(
            "the shipped classifier knows the pocket world only: set classifier.kind to 'zero_shot' or "
            "'checkpoint'"
        )
    return config.model_copy(update={"data": check_data(config.data)})


def require_trackers(trackers: TrackersConfig) -> None:
    """Raise ConfigError, with what to install, unless the trackers' packages are here."""
    for name in trackers.use:
        use = f'trackers.use = ["{name}"]'
        require_package(name, EXTRAS.get(name, "trackers"), use)


def resolve(
    config: Config,
    runs_dir: Path,
    report: CorpusRead = lambda split, done: None,
    first: Callable[[Config, Path, Device], None] = lambda config, weights, device: None,
) -> ResolvedConfig:
    """Return the config with every "all", "auto" and "default" replaced by what it stands for here, and its
    corpus frozen in a manifest, read through if it never was. `first` is called before that, with the checked
    config, the folder of shipped models and the device.

    Raises DataError if too many of the corpus's rows are bad, ConfigError if more items are asked for than
    there are, or if an intervention cannot do its work in this loop.
    """
    config = checked(config)
    kind, weights = CORPORA.get(config.data.corpus), weights_folder(config)
    settled, device = with_family(config, weights), choose_device(config.device)
    first(settled, weights, device)
    labels = labels_of(settled.classifier, weights)  # what means no group is told before anything runs
    if settled.interventions:
        check(settled, labels)
    data = kind.resolve(config.data, runs_dir, report)
    metrics = config.evaluate.metrics
    evaluate = {
        "metrics": default_measures() if metrics == "default" else metrics,
        "professions": config.evaluate.professions or dict(kind.professions(data)),
    }
    generate = {"batch_size": settled.generate.batch_size}
    if settled.generate.batch_size == "auto":
        generate["batch_size"] = drawing_batch(settled, weights, device)
    finetune = {"micro_batch": settled.finetune.micro_batch}
    if settled.finetune.micro_batch == "auto":
        finetune["micro_batch"] = finetuning_batch(settled, weights, device)
    elif settled.finetune.micro_batch == "whole":
        finetune["micro_batch"] = settled.finetune.batch_size
    classifier = CLASSIFIERS.get(settled.classifier.kind).resolve(settled.classifier)
    tree = settled.model_dump(mode="json") | {
        "classifier": classifier.model_dump(mode="json"),
        "data": data.model_dump(mode="json"),
    }
    for section, values in (("evaluate", evaluate), ("generate", generate), ("finetune", finetune)):
        tree[section] = tree[section] | values
    return ResolvedConfig.model_validate(tree)


def agrees(asked: Config, stored: ResolvedConfig) -> bool:
    """Return whether a run of `stored` is what a config asks for: the same wherever the config leaves nothing
    open.
    """
    wanted, have = (one.model_dump(mode="json", exclude={"trackers"}) for one in (asked, stored))
    for (section, name), left_open in OPEN.items():
        if wanted[section].get(name) in left_open:
            wanted[section].pop(name, None)
            have[section].pop(name, None)
    return bool(wanted == have)


def packages_of(config: ResolvedConfig) -> dict[str, Origin]:
    """Return the installed packages that bring what a config names, by "key name"."""
    named: list[tuple[Any, list[str]]] = [
        (MEASURES, list(config.evaluate.metrics)),
        (INTERVENTIONS, [entry.kind for entry in config.interventions]),
        (CORPORA, [config.data.corpus]),
    ]
    return {
        f"{choices.key} {name}": origin
        for choices, names in named
        for name, origin in choices.origins(names).items()
    }
