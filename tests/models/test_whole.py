"""No weight is made up: a model whose files lack one is refused, by every loader."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from loopsim.core.errors import DataError, LoopsimError
from loopsim.models.captioners.clipcap import load_language_model
from loopsim.models.captioners.image_to_text import load_image_to_text
from loopsim.models.classifiers.cell_classifier import load_classifier
from loopsim.models.classifiers.checkpoint_classifier import load_checkpoints
from loopsim.models.classifiers.people_detector import load_detector
from loopsim.models.clip import load_clip
from tests.helpers.checkpoints import TinyModels, loaded_diffusion
from tests.helpers.single_file import single_file

PIPELINES = [
    (name, part)
    for name, parts in {
        "sd": ["unet", "vae", "text_encoder"],
        "sdxl": ["unet", "vae", "text_encoder", "text_encoder_2"],
        "sd3": ["transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3"],
    }.items()
    for part in parts
]
LOADERS: dict[str, Callable[[Path], Any]] = {
    "blip": lambda folder: load_image_to_text(str(folder), 8),
    "git": lambda folder: load_image_to_text(str(folder), 8),
    "ved": lambda folder: load_image_to_text(str(folder), 8),
    "gpt2": lambda folder: load_language_model(str(folder)),
    "gender": lambda folder: load_checkpoints({"gender": str(folder)}, {}),
    "detector": lambda folder: load_detector(str(folder)),
    "vit": lambda folder: load_clip(str(folder)),
}


def drop_a_weight(file: Path) -> None:
    """Remove a matrix from a file of weights."""
    weights = load_file(file)
    name = min(key for key, value in weights.items() if key.endswith(".weight") and value.ndim > 1)
    del weights[name]
    save_file(weights, file, metadata={"format": "pt"})


@pytest.mark.hostile
@pytest.mark.parametrize(("name", "part"), PIPELINES)
def test_a_pipeline_with_a_weight_less_is_refused(
    name: str, part: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_models[name], tmp_path / "model"))
    drop_a_weight(next((folder / part).glob("*.safetensors")))
    with pytest.raises(DataError, match=rf"{part} \(\w+\) cannot be loaded: .* not in its files"):
        loaded_diffusion(folder)


@pytest.mark.hostile
@pytest.mark.parametrize(
    "start", ["model.diffusion_model.out.0", "first_stage_model.encoder.conv_in", "cond_stage_model.transf"]
)
def test_a_single_file_with_a_weight_less_is_refused(
    start: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    path = single_file(tiny_models["sd"], tmp_path / "one.safetensors")
    weights = load_file(path)
    del weights[next(key for key in sorted(weights) if key.startswith(start))]
    save_file(weights, path)
    with pytest.raises(DataError, match=r"one\.safetensors cannot be loaded"):
        loaded_diffusion(path, family="sd", config=str(tiny_models["sd"]))


@pytest.mark.hostile
@pytest.mark.parametrize("name", LOADERS)
def test_a_model_with_a_weight_less_is_refused(name: str, tiny_models: TinyModels, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_models[name], tmp_path / "model"))
    LOADERS[name](folder)
    drop_a_weight(next(folder.glob("*.safetensors")))
    with pytest.raises(LoopsimError, match=r"model.* (cannot be loaded|Error\(s\) in loading)"):
        LOADERS[name](folder)


@pytest.mark.hostile
def test_the_shipped_classifier_is_whole(weights: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(weights / "classifier", tmp_path / "model"))
    drop_a_weight(folder / "model.safetensors")
    with pytest.raises(DataError, match=r"cannot be loaded: .* not in its files"):
        load_classifier(folder)
