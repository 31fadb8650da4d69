"""The pocket Stable Diffusion is an ordinary pipeline: its users need diffusers, and nothing to be told."""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

import loopsim.models.diffusion.patch_autoencoder  # noqa: F401 - diffusers looks for it among the modules
from loopsim.config import GeneratorConfig
from loopsim.models.diffusion.loading import is_pocket_folder, load_diffusion
from loopsim.models.diffusion.patch_autoencoder import PatchAutoencoder
from loopsim.models.diffusion.pocket import build_pocket_pipeline, save_pocket_pipeline
from loopsim.models.tokenizer import build_tokenizer
from tests.helpers.checkpoints import TinyModels


def test_the_plain_call_draws_a_picture_of_the_shipped_model(weights: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(weights / "generator")
    pipeline.set_progress_bar_config(disable=True)
    assert {pipeline.unet.dtype, pipeline.text_encoder.dtype, pipeline.vae.dtype} == {torch.float32}
    image = pipeline("a photo of a cook", num_inference_steps=2).images[0]
    assert image.size == (64, 64)
    assert np.asarray(image).std() > 10


def test_what_pretraining_saves_is_small_and_opens_in_one_arithmetic(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(["a", "photo", "of", "cook"])
    save_pocket_pipeline(build_pocket_pipeline(tokenizer, PatchAutoencoder()), tmp_path / "generator")
    halves = [tmp_path / "generator/unet", tmp_path / "generator/text_encoder"]
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "generator")
    pipeline.set_progress_bar_config(disable=True)
    for folder, part in zip(halves, (pipeline.unet, pipeline.text_encoder), strict=True):
        num_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        assert num_bytes < 2.1 * sum(p.numel() for p in part.parameters()) + 50_000
        assert part.dtype == torch.float32
    assert pipeline("a photo of a cook", num_inference_steps=1).images[0].size == (64, 64)


def test_a_pipeline_that_names_the_autoencoders_old_module_is_opened(weights: Path, tmp_path: Path) -> None:
    shutil.copytree(weights / "generator", tmp_path / "old")
    index = json.loads((tmp_path / "old/model_index.json").read_text())
    index["vae"][0] = "loopsim.models.patch_autoencoder"
    (tmp_path / "old/model_index.json").write_text(json.dumps(index))
    assert load_diffusion(GeneratorConfig(checkpoint=str(tmp_path / "old")), Path("none")).is_pocket
    StableDiffusionPipeline.from_pretrained(tmp_path / "old")


def test_a_pocket_folder_is_told_by_its_autoencoder(weights: Path, tiny_models: TinyModels) -> None:
    assert is_pocket_folder(weights / "generator")
    assert not any(map(is_pocket_folder, (tiny_models["sd"], tiny_models["gpt2"], Path("nowhere"))))
