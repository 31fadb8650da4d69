"""Weights that are refused, and the way out: pickles, other families, files cut short."""

import json
import shutil
from pathlib import Path

import pytest

from loopsim.core.errors import ConfigError, DataError
from loopsim.models.captioners.clipcap import load_language_model
from loopsim.models.captioners.image_to_text import load_image_to_text
from loopsim.models.classifiers.checkpoint_classifier import load_checkpoints
from loopsim.models.classifiers.people_detector import load_detector
from loopsim.models.clip import load_clip, open_clip_model
from loopsim.models.diffusion.finetuning import make_trainable
from tests.helpers.checkpoints import TinyModels, loaded_diffusion


def test_pickles_are_refused_with_the_way_out(tiny_models: TinyModels, tmp_path: Path) -> None:
    shutil.copytree(tiny_models["sd"], tmp_path / "sd")
    weights = tmp_path / "sd/unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(DataError, match=r"is a pickle.*safe_serialization=True"):
        loaded_diffusion(tmp_path / "sd")
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x04")
    with pytest.raises(DataError, match=r"is a pickle.*save_file"):
        loaded_diffusion(tmp_path / "model.ckpt")
    (tmp_path / "lm").mkdir()
    (tmp_path / "lm/pytorch_model.bin").write_bytes(b"\x80\x04")
    for refused in (
        load_language_model,
        lambda name: load_image_to_text(name, 10),
        load_detector,
        lambda name: load_checkpoints({"gender": name}, {}),
    ):
        with pytest.raises(DataError, match="is a pickle"):
            refused(str(tmp_path / "lm"))
    (tmp_path / "clip.pt").write_bytes(b"\x80\x04")
    with pytest.raises(DataError, match="is a pickle"):
        open_clip_model("ViT-B-32", str(tmp_path / "clip.pt"))


def test_checkpoints_of_another_family_are_named(tiny_models: TinyModels, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"is a checkpoint of family sdxl, the config says generator\.family = 'sd'"
    ):
        loaded_diffusion(tiny_models["sdxl"], family="sd")
    with pytest.raises(DataError, match=r"no model_index\.json"):
        loaded_diffusion(tiny_models["gpt2"])
    with pytest.raises(DataError, match="no such folder, and no hub id"):
        loaded_diffusion(tmp_path / "nowhere")
    (tmp_path / "flux").mkdir()
    (tmp_path / "flux/model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    with pytest.raises(DataError, match="is a FluxPipeline; loopsim fine-tunes StableDiffusionPipeline"):
        loaded_diffusion(tmp_path / "flux")
    (tmp_path / "one.safetensors").write_bytes(b"no header")
    with pytest.raises(ConfigError, match=r"generator\.family: .* is a single file"):
        loaded_diffusion(tmp_path / "one.safetensors")
    with pytest.raises(DataError, match="cannot be loaded as sd"):
        loaded_diffusion(tmp_path / "one.safetensors", family="sd", config=str(tiny_models["sd"]))
    with pytest.raises(ConfigError, match="open_clip knows no such model"):
        open_clip_model("ViT-Z-99", None, random=True)
    with pytest.raises(ConfigError, match="CLIP 'ViT-B-32' with weights 'no-such-tag'"):
        open_clip_model("ViT-B-32", "no-such-tag")
    with pytest.raises(DataError, match=r"no captioner that loopsim trains|cannot be loaded"):
        load_image_to_text(str(tiny_models["gpt2"]), 10)
    with pytest.raises(ConfigError, match=r"finetune\.lora_targets"):
        make_trainable(loaded_diffusion(tiny_models["sd"]), "lora", 2, None, ["no_such_layer"])


def test_weights_that_are_cut_short_or_of_other_shapes_are_named(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    shutil.copytree(tiny_models["sd"], tmp_path / "sd")
    weights = tmp_path / "sd/unet/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"sd' cannot be loaded"):
        loaded_diffusion(tmp_path / "sd")
    shutil.copytree(tiny_models["gpt2"], tmp_path / "gpt2")
    (tmp_path / "gpt2/model.safetensors").write_bytes(b"short")
    with pytest.raises(DataError, match=r"gpt2' cannot be loaded"):
        load_language_model(str(tmp_path / "gpt2"))
    shutil.copytree(tiny_models["vit"], tmp_path / "vit")
    config = json.loads((tmp_path / "vit/open_clip_config.json").read_text())
    config["model_cfg"]["embed_dim"] = 48
    (tmp_path / "vit/open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="CLIP 'local-dir:"):
        load_clip(tmp_path / "vit")
