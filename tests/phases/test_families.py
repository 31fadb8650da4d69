"""Every family of models goes through a whole loop on tiny checkpoints of its real classes, and its artifacts
load with their own libraries alone.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from loopsim.config import config_from_tree
from loopsim.report.summary import summarize
from loopsim.runs.catalog import run_state
from loopsim.runs.verify import verify_run
from tests.helpers.checkpoints import TinyModels
from tests.helpers.loops import files_tree, start_run
from tests.helpers.rows import artifact_of

LOOPS: dict[str, dict[str, dict]] = {
    "sd, ε, LoRA, Min-SNR, EMA; ClipCap": {
        "finetune": {"snr_gamma": 5.0, "ema_decay": 0.9},
        "generate": {"caption_top_p": 0.8},
    },
    "sd, v, full, in parts; ResNet from scratch; transformer mapper, frozen GPT-2; checkpoint classifier on "
    "people": {
        "generator": {"checkpoint": "@sd-v", "family": "sd"},
        "clip": {"model": "@resnet", "start": "scratch", "augment": True, "gradient_checkpointing": True},
        "captioner": {"mapper": "transformer", "freeze_language_model": True, "start": "previous"},
        "classifier": {
            "kind": "checkpoint",
            "checkpoints": {"gender": "@gender"},
            "renames": {"Male": "man", "Female": "woman"},
            "detector": "@detector",
            "undetected": "whole",  # it never learnt either
        },
        "finetune": {"method": "full", "micro_batch": 3, "gradient_checkpointing": True, "snr_gamma": 5.0},
    },
    "sdxl, LoRA; BLIP": {
        "generator": {"checkpoint": "@sdxl"},
        "clip": {"start": "previous"},
        "captioner": {"kind": "hub", "model": "@blip", "num_beams": 2},
        "finetune": {"cache": "latents", "start": "base"},
    },
    "sd3, LoRA; GIT": {
        "generator": {"checkpoint": "@sd3"},
        "captioner": {"kind": "hub", "model": "@git"},
        "finetune": {"timestep_mean": 0.0, "timestep_std": 1.0},
    },
    "sd3 without T5, full; Transformer from scratch": {
        "generator": {"checkpoint": "@sd3", "without_t5": True},
        "captioner": {
            "kind": "transformer",
            "start": "scratch",
            "model": "@gpt2",
            "width": 32,
            "num_layers": 1,
        },
        "finetune": {"method": "full", "cache": "none"},
    },
    "sdxl, full; vision-encoder-decoder": {
        "generator": {"checkpoint": "@sdxl"},
        "captioner": {"kind": "hub", "model": "@ved"},
        "finetune": {"method": "full", "num_steps": 0, "num_epochs": 0.5},
    },
}


PLAIN = """
import sys, torch, open_clip, diffusers
kind, base, generator, clip = sys.argv[1:]
cls = getattr(diffusers, kind)
t5 = {"text_encoder_3": None, "tokenizer_3": None} if kind == "StableDiffusion3Pipeline" else {}
if __import__("pathlib").Path(generator, "model_index.json").is_file():
    pipeline = cls.from_pretrained(generator, **t5)
else:
    pipeline = cls.from_pretrained(base)
    pipeline.load_lora_weights(generator)
image = pipeline("a photo of a man", num_inference_steps=2, height=32, width=32).images[0]
model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{clip}")
tokens = open_clip.get_tokenizer(f"local-dir:{clip}")(["a photo of a man"])
assert image.size == (32, 32)
model.eval()
assert model.encode_image(transform(image)[None]).shape == model.encode_text(tokens).shape
assert not any(name.startswith("loopsim") for name in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_of_every_family(
    name: str, own_pictures: Path, tiny_models: TinyModels, tmp_path: Path
) -> None:
    config = config_from_tree(files_tree(own_pictures, tiny_models, **LOOPS[name]), name)
    start_run(tmp_path / "run", config)
    assert run_state(tmp_path / "run").finished
    assert verify_run(tmp_path / "run").num_seals == 3
    metrics = {row.metric for row in summarize(tmp_path / "run").metrics if row.value is not None}
    assert {
        "dataset_share",
        "sample_share",
        "generator_share",
        "recall@1",
        "self_similarity",
        "caption_neutral",
        "clip_score",
    } <= metrics
    clip = artifact_of(tmp_path / "run", 1, "train_clip", "clip")
    generator = artifact_of(tmp_path / "run", 1, "finetune", "generator")
    kind = {
        "sd": "StableDiffusionPipeline",
        "sd-v": "StableDiffusionPipeline",
        "sdxl": "StableDiffusionXLPipeline",
        "sd3": "StableDiffusion3Pipeline",
    }
    base = Path(config.generator.checkpoint)
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, kind[base.name], base, generator, clip],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
