"""The real models: layouts that their own libraries load, and outputs that do not depend on the company they
are computed in.
"""

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from diffusers import StableDiffusionPipeline

import loopsim.models.diffusion.patch_autoencoder  # noqa: F401 - diffusers finds the pipeline's autoencoder in the loaded modules
from loopsim.config import GeneratorConfig, OpenMojiConfig
from loopsim.data.openmoji import OpenMojiCorpus
from loopsim.models.captioners.clipcap import load_clipcap
from loopsim.models.captioners.decoding import Decoding
from loopsim.models.classifiers.attribute_classifier import confusion_matrices, load_classifier
from loopsim.models.clip import load_clip
from loopsim.models.diffusion import stable_diffusion as diffusion
from loopsim.models.diffusion.patch_autoencoder import fit_patch_autoencoder
from loopsim.models.tokenizer import build_tokenizer


def load(weights: Path) -> diffusion.Diffusion:
    return diffusion.load_diffusion(GeneratorConfig(), weights / "generator")


CORPUS = OpenMojiCorpus(OpenMojiConfig(), seed=1)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.from_numpy(np.stack([CORPUS.image(record) for record in CORPUS.records("retrieval", 40)]))


@pytest.fixture(scope="module")
def groups() -> list:
    return [record.groups for record in CORPUS.records("retrieval", 40)]


def test_every_word_of_the_corpus_is_one_token() -> None:
    tokenizer = build_tokenizer(CORPUS.vocabulary())
    assert all(len(tokenizer(word).input_ids) == 3 for word in CORPUS.vocabulary())
    text = "a photo of a construction worker"
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text


def test_the_autoencoder_is_the_best_linear_one(pictures: torch.Tensor) -> None:
    images = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
    whole, half = fit_patch_autoencoder(images, 8, 192), fit_patch_autoencoder(images, 8, 32)
    assert torch.allclose(whole.decode(whole.encode(images))[0], images, atol=1e-4)
    error = (half.decode(half.encode(images))[0] - images).square().mean()
    assert error < 0.1 * images.var()
    assert (half.encode(images) * half.config["scaling_factor"]).square().mean().item() == pytest.approx(
        1, rel=1e-3
    )


def test_the_shipped_pipeline_loads_with_plain_diffusers(weights: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(weights / "generator", torch_dtype=torch.float32)
    image = pipeline("a photo of a cook", num_inference_steps=2, output_type="np").images[0]
    assert image.shape == (64, 64, 3)


def test_an_image_depends_on_its_prompt_and_seed_not_on_its_batch(weights: Path) -> None:
    model = load(weights)
    prompts = ["a photo of a judge", "a photo of a male cook", "a photo of a female pilot"]
    together = diffusion.sample(model, prompts, [1, 2, 3], num_steps=3, guidance=2)
    alone = diffusion.sample(model, prompts[1:2], [2], num_steps=3, guidance=2)
    assert (
        together[1].int() - alone[0].int()
    ).abs().max() <= 1  # float kernels may round otherwise for another batch size
    other = diffusion.sample(model, prompts[1:2], [4], num_steps=3, guidance=2)
    assert (other[0].int() - alone[0].int()).abs().max() > 20


@pytest.mark.parametrize("method", ["lora", "full"])
def test_what_finetuning_saves_is_what_it_trained(weights: Path, tmp_path: Path, method) -> None:
    torch.manual_seed(0)
    trained = load(weights)
    diffusion.make_trainable(trained, method, 4, None)
    with torch.no_grad():
        for parameter in trained.denoiser.parameters():
            if parameter.requires_grad:
                parameter.add_(0.01 * torch.randn_like(parameter))
    diffusion.save_finetuned(trained, method, tmp_path / "artifact")
    loaded = load(weights)
    diffusion.load_finetuned(loaded, tmp_path / "artifact")
    x, t, text = torch.randn(1, 32, 8, 8), torch.tensor([500.0]), torch.randn(1, 28, 128)
    with torch.inference_mode():
        expected = trained.denoiser(x, t, encoder_hidden_states=text).sample
        assert torch.allclose(loaded.denoiser(x, t, encoder_hidden_states=text).sample, expected, atol=1e-4)
        again = load(weights)
        torch.manual_seed(1)
        diffusion.make_trainable(again, method, 4, tmp_path / "artifact")
        assert torch.allclose(again.denoiser(x, t, encoder_hidden_states=text).sample, expected, atol=1e-4)
    if method == "lora":
        plain = StableDiffusionPipeline.from_pretrained(weights / "generator", torch_dtype=torch.float32)
        plain.load_lora_weights(tmp_path / "artifact")
        with torch.inference_mode():
            assert torch.allclose(plain.unet(x, t, encoder_hidden_states=text).sample, expected, atol=1e-4)


def test_clip_loads_with_open_clip_alone(weights: Path, tmp_path: Path, pictures: torch.Tensor) -> None:
    clip = load_clip(weights / "clip")
    clip.save(tmp_path / "clip")
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'clip'}")
    tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'clip'}")(["a photo of a cook"])
    with torch.inference_mode():
        assert torch.allclose(
            model.eval().encode_image(clip.preprocess(pictures), normalize=True),
            clip.encode_images(pictures),
            atol=1e-5,
        )
        assert torch.allclose(
            model.encode_text(tokens, normalize=True), clip.encode_texts(["a photo of a cook"]), atol=1e-5
        )


def test_captions_do_not_depend_on_their_batch(weights: Path, pictures: torch.Tensor) -> None:
    clip, captioner = load_clip(weights / "clip"), load_clipcap(weights / "captioner")
    features = clip.encode_images(pictures[:6])
    for temperature in (0.0, 0.7):
        together = captioner.write(features, range(6), Decoding(temperature))
        assert together == [
            captioner.write(features[i : i + 1], [i], Decoding(temperature))[0] for i in range(6)
        ]
    assert all(caption and "<|" not in caption for caption in together)


def test_the_base_captioner_sees_what_is_there(weights: Path, pictures: torch.Tensor, groups: list) -> None:
    clip, captioner = load_clip(weights / "clip"), load_clipcap(weights / "captioner")
    captions = captioner.write(clip.encode_images(pictures), [0] * len(pictures), Decoding())
    named = [group["profession"] in caption for group, caption in zip(groups, captions, strict=True)]
    assert np.mean(named) > 0.6


def test_the_classifier_is_right_and_its_confusion_is_a_distribution(
    weights: Path, pictures: torch.Tensor, groups: list
) -> None:
    classifier = load_classifier(weights / "classifier")
    labels = classifier.label(pictures)
    for attribute in ("profession", "gender", "skin_type", "skin_tone"):
        assert (
            np.mean(
                [label[attribute] == group[attribute] for label, group in zip(labels, groups, strict=True)]
            )
            >= 0.97
        )
        assert np.sum(classifier.confusion[attribute], axis=0) == pytest.approx(1)


def test_confusion_matrices_have_true_values_in_columns() -> None:
    true = [{"a": "x"}, {"a": "x"}, {"a": "y"}]
    seen = [{"a": "x"}, {"a": "y"}, {"a": "y"}]
    assert confusion_matrices({"a": ("x", "y")}, true, seen)["a"] == [[0.5, 0.0], [0.5, 1.0]]


def test_sampled_captions_follow_the_temperature(weights: Path, pictures: torch.Tensor) -> None:
    clip, captioner = load_clip(weights / "clip"), load_clipcap(weights / "captioner")
    features = clip.encode_images(pictures[:1]).expand(40, -1)
    variety = [
        len(set(captioner.write(features, range(40), Decoding(temperature)))) for temperature in (0.0, 0.7)
    ]
    assert variety[0] == 1
    assert variety[1] > 5
