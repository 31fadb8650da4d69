"""Generators: what is saved is what was trained, and a picture depends on its prompt and seed alone."""

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from loopsim.config import GeneratorConfig
from loopsim.models.diffusion.finetuning import load_finetuned, make_trainable, save_finetuned
from loopsim.models.diffusion.loading import load_diffusion
from loopsim.models.diffusion.sampler import sample
from loopsim.models.diffusion.stable_diffusion import Diffusion
from tests.helpers.checkpoints import TinyModels, loaded_diffusion
from tests.helpers.single_file import single_file


def load_shipped(weights: Path) -> Diffusion:
    return load_diffusion(GeneratorConfig(), weights / "generator")


def test_the_shipped_pipeline_loads_with_plain_diffusers(weights: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(weights / "generator", torch_dtype=torch.float32)
    image = pipeline("a photo of a cook", num_inference_steps=2, output_type="np").images[0]
    assert image.shape == (64, 64, 3)


def test_an_image_depends_on_its_prompt_and_seed_not_on_its_batch(weights: Path) -> None:
    model = load_shipped(weights)
    prompts = ["a photo of a judge", "a photo of a male cook", "a photo of a female pilot"]
    together = sample(model, prompts, [1, 2, 3], num_steps=3, guidance=2)
    alone = sample(model, prompts[1:2], [2], num_steps=3, guidance=2)
    assert (
        together[1].int() - alone[0].int()
    ).abs().max() <= 1  # float kernels may round otherwise for another batch size
    other = sample(model, prompts[1:2], [4], num_steps=3, guidance=2)
    assert (other[0].int() - alone[0].int()).abs().max() > 20


@pytest.mark.parametrize("method", ["lora", "full"])
def test_what_finetuning_saves_is_what_it_trained(weights: Path, tmp_path: Path, method) -> None:
    torch.manual_seed(0)
    trained = load_shipped(weights)
    make_trainable(trained, method, 4, None)
    with torch.no_grad():
        for parameter in trained.denoiser.parameters():
            if parameter.requires_grad:
                parameter.add_(0.01 * torch.randn_like(parameter))
    save_finetuned(trained, method, tmp_path / "artifact")
    loaded = load_shipped(weights)
    load_finetuned(loaded, tmp_path / "artifact")
    x, t, text = torch.randn(1, 32, 8, 8), torch.tensor([500.0]), torch.randn(1, 28, 128)
    with torch.inference_mode():
        expected = trained.denoiser(x, t, encoder_hidden_states=text).sample
        assert torch.allclose(loaded.denoiser(x, t, encoder_hidden_states=text).sample, expected, atol=1e-4)
        again = load_shipped(weights)
        torch.manual_seed(1)
        make_trainable(again, method, 4, tmp_path / "artifact")
        assert torch.allclose(again.denoiser(x, t, encoder_hidden_states=text).sample, expected, atol=1e-4)
    if method == "lora":
        plain = StableDiffusionPipeline.from_pretrained(weights / "generator", torch_dtype=torch.float32)
        plain.load_lora_weights(tmp_path / "artifact")
        with torch.inference_mode():
            assert torch.allclose(plain.unet(x, t, encoder_hidden_states=text).sample, expected, atol=1e-4)


@pytest.mark.parametrize("family", ["sd", "sdxl", "sd3"])
def test_a_picture_depends_on_its_prompt_and_seed_not_on_its_batch(
    tiny_models: TinyModels, family: str
) -> None:
    model = loaded_diffusion(tiny_models[family])
    together = sample(model, ["a man", "a woman"], [1, 2], num_steps=2, guidance=3, size=32)
    alone = sample(model, ["a woman"], [2], num_steps=2, guidance=3, size=32)
    assert together.shape == (2, 32, 32, 3)
    assert (together[1].int() - alone[0].int()).abs().max() <= 1
    assert (
        sample(model, ["a woman"], [3], num_steps=2, guidance=3, size=32)[0].int() - alone[0].int()
    ).abs().max() > 1


def test_a_single_file_is_the_checkpoint_of_its_folder(tiny_models: TinyModels, tmp_path: Path) -> None:
    path = single_file(tiny_models["sd"], tmp_path / "one.safetensors")
    one, whole = (
        loaded_diffusion(path, family="sd", config=str(tiny_models["sd"])),
        loaded_diffusion(tiny_models["sd"]),
    )
    given = {"prompts": ["a man"], "seeds": [1], "num_steps": 2, "guidance": 2.0, "size": 32}
    assert torch.equal(sample(one, **given), sample(whole, **given))
    make_trainable(one, "full", 1, None)
    save_finetuned(
        one, "full", tmp_path / "saved"
    )  # the whole pipeline: there is no folder to copy the rest from
    assert torch.equal(sample(loaded_diffusion(tmp_path / "saved"), **given), sample(whole, **given))
