"""Every family of models goes through a whole loop on tiny checkpoints of its real classes, and its artifacts
load with its own library alone.
"""

import subprocess
import sys
from pathlib import Path

import checkpoints
import corpora
import pytest
from conftest import resume_run, start_run

from loopsim.config import Config, config_from_tree
from loopsim.core.errors import Interrupted
from loopsim.report.summary import run_state, summarize
from loopsim.runs.run import finished_phases
from loopsim.runs.verify import verify_run
from loopsim.store.store import Store

MODELS = {
    "sd": checkpoints.stable_diffusion,
    "sd-v": lambda folder: checkpoints.stable_diffusion(folder, "v_prediction"),
    "sdxl": checkpoints.stable_diffusion_xl,
    "sd3": checkpoints.stable_diffusion_3,
    "vit": checkpoints.clip,
    "resnet": lambda folder: checkpoints.clip(folder, "resnet"),
    "gpt2": checkpoints.gpt2,
    "blip": checkpoints.blip,
    "git": checkpoints.git,
    "ved": checkpoints.vision_encoder_decoder,
    "gender": lambda folder: checkpoints.image_classifier(folder, ("Male", "Female")),
    "detector": checkpoints.detector,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {name: make(root / name) for name, make in MODELS.items()}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpora.folder(tmp_path_factory.mktemp("corpus") / "own", 24)


def tree(pictures: Path, models: dict[str, Path], **sections: dict) -> dict:
    """A small loop on a folder of pictures; `sections` change it. A value that starts with "@" names a tiny
    checkpoint.
    """
    labels = {"gender": "sex", "skin_tone": "skin"}
    base: dict[str, dict] = {
        "data": {
            "corpus": "files",
            "image_size": 32,
            "holdout": 0.4,
            "train": {"format": "folder", "path": str(pictures), "labels": labels},
        },
        "generator": {"checkpoint": "@sd"},
        "clip": {"model": "@vit", "num_steps": 2, "batch_size": 8},
        "captioner": {
            "kind": "clipcap",
            "model": "@gpt2",
            "num_steps": 2,
            "batch_size": 4,
            "prefix_length": 3,
            "max_tokens": 12,
        },
        "classifier": {"kind": "zero_shot"},
        "encoder": {"model": "@vit"},
        "evaluate": {
            "num_audit_images": 1,
            "num_resamples": 20,
            "num_replicates": 1,
            "professions": {"nurse": 0.9, "engineer": 0.1},
        },
        "finetune": {"num_steps": 2, "batch_size": 4, "learning_rate": 1e-3, "rank": 2},
        "generate": {"num_steps": 2, "batch_size": 8, "guidance": 2.0},
    }
    merged = {name: base.get(name, {}) | sections.get(name, {}) for name in {*base, *sections}}

    def named(value):
        if isinstance(value, dict):
            return {key: named(inner) for key, inner in value.items()}
        return str(models[value[1:]]) if isinstance(value, str) and value.startswith("@") else value

    return {"generations": 2} | named(merged)


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
def test_a_loop_of_every_family(name: str, pictures: Path, models: dict[str, Path], tmp_path: Path) -> None:
    config = config_from_tree(tree(pictures, models, **LOOPS[name]), name)
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
    with Store(tmp_path / "run" / "state.lmdb", readonly=True) as store:
        phases = finished_phases(store)
    artifacts = tmp_path / "run" / "artifacts"
    clip = artifacts / phases[1, "train_clip"]["artifacts"]["clip"]
    generator = artifacts / phases[1, "finetune"]["artifacts"]["generator"]
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


def test_a_loop_on_files_resumes_to_the_same_digest(
    pictures: Path, models: dict[str, Path], tmp_path: Path
) -> None:
    sections = {"finetune": {"num_steps": 6, "ema_decay": 0.9}, "clip": {"num_steps": 4}}
    config = config_from_tree(
        tree(pictures, models, **sections) | {"generations": 1, "checkpoint_seconds": 1e-6}, "t"
    )
    clean = start_run(tmp_path / "clean", config)
    stop_in_training(tmp_path / "stopped", config, after=9)
    assert not run_state(tmp_path / "stopped").finished
    assert resume_run(tmp_path / "stopped") == clean


def stop_in_training(directory: Path, config: Config, after: int) -> None:
    """Run a loop until its n-th training step, and stop it there as Ctrl-C does."""
    import os
    import signal

    from loopsim.core import faults

    def handler(point: str, n: int) -> None:
        if point == "train.step" and n == after:
            os.kill(os.getpid(), signal.SIGINT)

    faults.install(handler)
    try:
        with pytest.raises(Interrupted):
            start_run(directory, config)
    finally:
        faults.install(None)
