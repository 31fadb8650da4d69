"""The models of a generation, as folders that their own libraries load."""

import shutil
from collections.abc import Collection
from pathlib import Path

from loopsim.config import SHIPPED
from loopsim.core.errors import CorruptRun, DataError
from loopsim.core.run_folder import ARTIFACTS, STATE
from loopsim.export.cards import model_card
from loopsim.export.origin import Origin, called, origin_of
from loopsim.export.place import new_folder
from loopsim.export.text import in_markdown
from loopsim.models.gate import check_model_folder
from loopsim.runs.catalog import require_generation
from loopsim.runs.retention import require_kept
from loopsim.store import artifacts
from loopsim.store.rows import PhaseRow
from loopsim.store.store import Store

# Each folder of an export: the phase and the part that it is of, and what it is called.
PARTS = {
    "clip": ("train_clip", "clip", "CLIP"),
    "captioner": ("train_captioner", "captioner", "captioner"),
    "generator": ("finetune", "generator", "SD"),
}


def export_models(directory: Path, generation: int, path: Path) -> list[str]:
    """Copy the weights that a generation trained into a new folder, with a model card, and return the models'
    names.

    Raises RunNotFound if there is no such generation, DataError if it is not trained to its end or its
    weights were let go, CorruptRun if they are damaged, ConfigError if the place cannot be written.
    """
    with Store(directory / STATE, readonly=True) as store:
        origin = origin_of(store, directory, generation)
        require_generation(directory, generation, origin.generations)
        found = _found(store, directory, origin)
        with new_folder(path) as place:
            parts = {}
            for name, folder in found.items():
                shutil.copytree(folder, place / name)
                parts[name] = _told(name, folder, origin)
            notes = _notes(origin, found)
            (place / "README.md").write_text(model_card(origin, parts, notes), encoding="utf-8")
    return [f"{PARTS[name][2]}_{generation}" for name in found]


def _found(store: Store, directory: Path, origin: Origin) -> dict[str, Path]:
    """Return the folder of each model that the generation trained, looked through."""
    generation, found = origin.generation, {}
    for name, (phase, part, called_) in PARTS.items():
        row = store.get(PhaseRow, generation, phase)
        if row is None:
            if name == "generator" and generation == origin.generations:
                continue  # the last generation's is trained only if the run is extended
            raise DataError(
                f"run {directory.name}: {called_}_{generation} is not trained to its end yet; go on with "
                f"`loopsim resume {directory.name}`"
            )
        if part not in row.artifacts:
            continue  # nothing was trained: it is the base model
        require_kept(store, directory.name, generation, phase)
        folder, hashed = directory / ARTIFACTS, row.artifacts[part]
        damage = artifacts.damage(folder, hashed, row.files.get(part))
        if damage is not None:
            raise CorruptRun(f"{damage}; see `loopsim verify {directory.name}`")
        found[name] = artifacts.locate(folder, hashed)
        check_model_folder(found[name])
    if not found:
        raise DataError(f"run {directory.name}: generation {generation} trained no models")
    return found


def _told(name: str, folder: Path, origin: Origin) -> tuple[str, str]:
    """Return what an exported folder is, and the program that loads it."""
    if name == "clip":
        return (
            f"CLIP_{origin.generation}, as open_clip loads it.",
            "import open_clip\n\n"
            'model, preprocess = open_clip.create_model_from_pretrained("local-dir:clip")\n'
            'tokenizer = open_clip.get_tokenizer("local-dir:clip")\n',
        )
    if name == "captioner":
        return _captioner_told(folder, origin)
    return _generator_told(folder, origin)


def _captioner_told(folder: Path, origin: Origin) -> tuple[str, str]:
    if (folder / "mapper.safetensors").is_file():
        return (
            f"captioner_{origin.generation}, a ClipCap: a language model of transformers that continues "
            f"CLIP_{origin.generation}'s feature of a picture, which `mapper.safetensors` maps to its prefix "
            "(`clipcap.json` has the sizes). loopsim puts the two together:",
            "from pathlib import Path\n\n"
            "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            'language_model = AutoModelForCausalLM.from_pretrained("captioner")\n'
            'tokenizer = AutoTokenizer.from_pretrained("captioner")\n\n'
            "from loopsim.core.device import CPU\n"
            "from loopsim.models.captioners import load_captioner\n\n"
            'captioner = load_captioner(Path("captioner"), CPU)\n',
        )
    return (
        f"captioner_{origin.generation}, as transformers loads it.",
        "from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer\n\n"
        'model = AutoModelForImageTextToText.from_pretrained("captioner")\n'
        'processor = AutoImageProcessor.from_pretrained("captioner")\n'
        'tokenizer = AutoTokenizer.from_pretrained("captioner")\n',
    )


def _generator_told(folder: Path, origin: Origin) -> tuple[str, str]:
    checkpoint = origin.config.generator.checkpoint
    is_whole = (folder / "model_index.json").is_file()
    begin, base = "from diffusers import DiffusionPipeline\n\n", called(checkpoint)
    if checkpoint == SHIPPED:  # its autoencoder is loopsim's own class
        begin = (
            "from importlib.resources import files\n\n"
            "from diffusers import StableDiffusionPipeline\n"
            "from loopsim.models.diffusion.patch_autoencoder import PatchAutoencoder\n\n"
            'base = files("loopsim") / "assets" / "generator"\n'
            'vae = PatchAutoencoder.from_pretrained(base / "vae")\n'
        )
        load = "pipeline = StableDiffusionPipeline.from_pretrained({}, vae=vae)\n"
    else:
        load = "pipeline = DiffusionPipeline.from_pretrained({})\n"
    if is_whole:
        return (
            f"SD_{origin.generation}, a whole pipeline, as diffusers loads it.",
            begin + load.format('"generator"'),
        )
    return (
        f"SD_{origin.generation} as LoRA adapters of diffusers, to be put onto {in_markdown(base)}.",
        begin
        + load.format("base" if checkpoint == SHIPPED else repr(base))
        + 'pipeline.load_lora_weights("generator")\n',
    )


def _notes(origin: Origin, found: Collection[str]) -> list[str]:
    g, config = origin.generation, origin.config
    notes = [f"CLIP_{g}, captioner_{g} and SD_{g} are trained on D_{g}; SD_{g} draws S_{g + 1}."]
    if "generator" not in found and g == origin.generations:
        notes.append(f"There is no SD_{g}: a run's last generation trains none, unless the run is extended.")
    elif "generator" not in found:
        notes.append(f"There is no SD_{g}: the run trained none, its generator is the base model.")
    if config.interventions:
        notes.append(
            "The run's interventions on prompts, noise, sampling and selection act when pictures are drawn "
            "or chosen: they are not in these weights."
        )
    return notes
