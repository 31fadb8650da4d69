"""Opening a Stable Diffusion: a folder of diffusers, a single file, or a model of the hub."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import SingleFileComponentError

from loopsim.config import SHIPPED, Config, GeneratorConfig
from loopsim.core.device import CPU, Device
from loopsim.core.errors import ConfigError, DataError
from loopsim.models.diffusion.family import FAMILIES, INDEX_FILE, Family, family_of, read_index
from loopsim.models.diffusion.patch_autoencoder import PatchAutoencoder
from loopsim.models.diffusion.stable_diffusion import Diffusion
from loopsim.models.gate import check_model_folder, read_json, require_safetensors
from loopsim.models.hub import CONFIGS, model_folder, near_folder
from loopsim.models.load_errors import LOAD_ERRORS, first_line
from loopsim.models.whole import lacking, load_whole


def resolve_family(config: GeneratorConfig, shipped: Path) -> str:
    """Return the family of the checkpoint that a config names: what its folder says, else what the config
    says.

    `shipped` is the folder of the pocket model. Raises DataError for a checkpoint that is missing, foreign, a
    pickle or of another family than the config's, ConfigError if the config leaves open what a single file or
    a model of the hub is, or where a single file's configs are.
    """
    path = _path(config, shipped)
    if _is_single_file(path):
        if not path.is_file():
            raise DataError(f"{path}: no such checkpoint")
        require_safetensors(path)
        family = _stated(
            config, f"{path} is a single file, which does not say what it is; set it to {_known()}"
        )
        _require_configs(path, config)
        return family
    if path.is_dir():
        check_model_folder(path)
        return _family_in(path, config)
    name = config.checkpoint
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise DataError(f"{name}: no such folder{near_folder(name)}, and no hub id (owner/name)")
    return _stated(config, f"set it to {_known()} for the hub's {name}")


def _require_configs(path: Path, config: GeneratorConfig) -> None:
    """Raise ConfigError unless the config names the pipeline's configs of a single file: diffusers would
    guess which they are and fetch them from the hub, past the gate and at no fixed commit.
    """
    if config.config is None:
        raise ConfigError(
            f"generator.config: {path} is a single file, which holds weights and no configs; set it to a "
            f"diffusers folder of family {config.family} (its configs and vocabularies are enough), or to a "
            "hub id (owner/name), which is fetched once and stays at its commit"
        )


def _family_in(folder: Path, config: GeneratorConfig) -> str:
    found = family_of(folder).name
    if config.family not in ("auto", found):
        raise DataError(
            f"{folder} is a checkpoint of family {found}, the config says generator.family = "
            f"{config.family!r}"
        )
    return found


def with_family(config: Config, weights: Path) -> Config:
    """Return the config with the generator's family named: read from its folder, if the config leaves it
    open.
    """
    if config.generate.generator == "oracle" and config.generator.family == "auto":
        family = "sd"  # no generator is opened; whatever stands here decides nothing
    else:
        family = resolve_family(config.generator, weights / "generator")
    return config.model_copy(update={"generator": config.generator.model_copy(update={"family": family})})


def _stated(config: GeneratorConfig, problem: str) -> str:
    if config.family == "auto":
        raise ConfigError(f"generator.family: {problem}")
    return FAMILIES.get(config.family).name


def _known() -> str:
    *others, last = FAMILIES.names
    return f"{', '.join(others)} or {last}"


def _path(config: GeneratorConfig, shipped: Path) -> Path:
    return shipped if config.checkpoint == SHIPPED else Path(config.checkpoint)


def _is_single_file(path: Path) -> bool:
    return path.suffix == ".safetensors" or (path.is_file() and path.suffix != "")


def is_pocket_folder(folder: Path) -> bool:
    """Return whether the folder is a pipeline of the pocket world: one whose autoencoder is loopsim's."""
    if not (folder / INDEX_FILE).is_file():
        return False
    part = read_index(folder).get("vae")
    return isinstance(part, list) and part[1:] == [PatchAutoencoder.__name__]


def load_diffusion(config: GeneratorConfig, shipped: Path, device: Device = CPU) -> Diffusion:
    """Return the checkpoint that a config names, in float32, without progress bars; nothing but safetensors
    is read.

    `shipped` is the folder of the pocket model. Raises DataError and ConfigError as `resolve_family` does,
    and DataError for a checkpoint that its library cannot load.
    """
    family, path = FAMILIES.get(resolve_family(config, shipped)), _path(config, shipped)
    if _is_single_file(path):
        return _ready(Diffusion(_from_single_file(family, path, config), family, None, device))
    name = str(path) if path.is_dir() else config.checkpoint
    folder = path if path.is_dir() else _fetched(family, config)
    parts = family.loading_options(config)
    try:
        if is_pocket_folder(folder):
            parts["vae"] = load_whole(PatchAutoencoder, folder / "vae")
        parts |= _whole_parts(folder, family, config.variant, parts)
        pipeline = family.pipeline.from_pretrained(
            str(folder),
            torch_dtype=torch.float32,
            use_safetensors=True,
            variant=config.variant,
            trust_remote_code=False,
            **parts,
        )
    except LOAD_ERRORS as error:
        raise DataError(f"Stable Diffusion {name!r} cannot be loaded: {first_line(error)}") from error
    return _ready(Diffusion(pipeline, family, path if path.is_dir() else None, device))


def num_latents(config: GeneratorConfig, shipped: Path, size: int) -> int:
    """Return how many latents a picture of `size` pixels has: by the pipeline's own configs, or as its family
    is published where they are not at hand (as Stable Diffusion 1.5 if the config leaves the family open).
    """
    path = _path(config, shipped)
    folder = path if (path / INDEX_FILE).is_file() else Path(config.config or path)
    if not (folder / INDEX_FILE).is_file():
        family = FAMILIES.get("sd" if config.family == "auto" else config.family)
        return int(family.published.latent_channels * (size // 8) ** 2)
    check_model_folder(folder)
    place = folder / "vae" / "config.json"
    try:
        vae: Any = read_json(place)
        scale = 2 ** (len(vae["block_out_channels"]) - 1)
        return int(vae["latent_channels"] * (size // scale) ** 2)
    except (OSError, KeyError, TypeError) as error:
        raise DataError(
            f"{place} does not say how many latents a picture has: {first_line(error)}"
        ) from error


def _whole_parts(
    folder: Path, family: Family, variant: str | None, known: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the networks of a pipeline's folder, each with all its weights: a pipeline that loads them
    itself makes up what a text encoder's files lack.
    """
    index, parts = read_index(folder), {}
    for name in (family.denoiser, "vae", *family.text_encoders):
        library, kind = index.get(name) or ("", "")
        if name in known or library not in ("diffusers", "transformers"):
            continue
        dtype = "dtype" if library == "transformers" else "torch_dtype"
        options = {dtype: torch.float32, "subfolder": name, "variant": variant}
        parts[name] = load_whole(getattr(import_module(library), kind), folder, **options)
    return parts


def _fetched(family: Family, config: GeneratorConfig) -> Path:
    """Return the snapshot of the hub's pipeline: its parts' folders, without other precisions and what is
    left out.
    """
    unread = [f"{part}/*" for part, value in family.loading_options(config).items() if value is None]
    other_variants = [] if config.variant else ["*/*.*.safetensors"]
    wanted = ("model_index.json", *(f"*/{pattern}" for pattern in (*CONFIGS, "*.safetensors")))
    folder = model_folder(config.checkpoint, wanted, ("*/*/*", *other_variants, *unread))
    _family_in(folder, config)
    return folder


def configs_folder(name: str) -> Path:
    """Return a pipeline's folder, or of a hub's id the snapshot, of which configs and vocabularies are
    fetched. Raises DataError if there is none.
    """
    return model_folder(name, ("model_index.json", *(f"*/{pattern}" for pattern in CONFIGS)), ())


def _from_single_file(family: Family, path: Path, config: GeneratorConfig) -> Any:
    assert config.config is not None, "resolve_family asks for it"
    configs = configs_folder(config.config)
    _family_in(configs, config)
    where = f"{path} cannot be loaded as {family.name} with the configs in {config.config}"
    _require_parts(configs, where)
    try:
        pipeline = family.pipeline.from_single_file(
            str(path),
            config=str(configs.resolve()),
            local_files_only=True,
            torch_dtype=torch.float32,
            use_safetensors=True,
            **family.loading_options(config),
        )
    except (*LOAD_ERRORS, SingleFileComponentError) as error:
        raise DataError(f"{where}: {first_line(error)}") from error
    for part in (getattr(pipeline, name) for name in (family.denoiser, "vae", *family.text_encoders)):
        named = () if part is None else part.named_parameters()
        if missing := [name for name, weights in named if weights.is_meta]:
            raise lacking(str(path), missing)
    return pipeline


def _require_parts(configs: Path, where: str) -> None:
    """Raise DataError unless there is a folder for each part that a pipeline's configs name: of a tokenizer
    that is not there transformers makes an empty one.
    """
    index = read_index(configs)
    parts = [name for name, value in index.items() if isinstance(value, list) and value[0] is not None]
    missing = [name for name in parts if not (configs / name).is_dir()]
    if missing:
        raise DataError(f"{where}: it has no folder {missing[0]}")


def _ready(model: Diffusion) -> Diffusion:
    model.pipeline.set_progress_bar_config(disable=True)
    model.device.place(model.denoiser.eval().requires_grad_(False))
    model.device.place(model.pipeline.vae.eval().requires_grad_(False))
    # A text encoder is never trained; T5 in float32 would fill a GPU by itself.
    dtype = None if model.device.kind == "cpu" else model.device.sample_dtype
    for part in (getattr(model.pipeline, name) for name in model.family.text_encoders):
        if part is not None:
            model.device.place(part.eval().requires_grad_(False), dtype)
    return model
