"""What encoding once saves in fine-tuning, and how flat memory stays over a corpus of many shards; each in
one run on one machine.
"""

import io
import multiprocessing
import multiprocessing.connection
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from loopsim.config import ResolvedDataConfig, config_from_tree
from loopsim.context.training_set import Sources, TrainingSet
from loopsim.core.device import Device
from loopsim.core.distributed import World
from loopsim.core.rng import epoch_batches
from loopsim.core.run_folder import STATE
from loopsim.costs.flops import VAE
from loopsim.data.files_corpus import FilesCorpus
from loopsim.data.survey import survey
from loopsim.models.base_weights import SHIPPED_WEIGHTS
from loopsim.models.clip import contrastive_loss, load_clip
from loopsim.models.diffusion.encodings import Encodings, Example
from loopsim.models.diffusion.family import FAMILIES
from loopsim.models.diffusion.finetuning import make_trainable
from loopsim.models.diffusion.objectives import objective_of
from loopsim.models.diffusion.stable_diffusion import Diffusion
from loopsim.models.training import NoCheckpoints, Schedule, fit
from loopsim.store.store import Store


@final
@dataclass(frozen=True)
class CachingSpeed:
    """Samples a second of LoRA fine-tuning, by what is encoded once; `setup` are the seconds that encoding
    took.
    """

    samples: dict[str, float]
    setup: dict[str, float]
    size: int
    batch: int

    @property
    def ratio(self) -> float:
        """How many times faster steps are with everything encoded once than with nothing."""
        return self.samples["all"] / self.samples["none"]


def full_size_stable_diffusion(device: Device) -> Diffusion:
    """Return Stable Diffusion 1.5 in its published shape with random weights: 860 M parameters in the
    denoiser, its autoencoder and text encoder.
    """
    family = FAMILIES.get("sd")
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(
        SHIPPED_WEIGHTS / "generator" / "tokenizer", model_max_length=77
    )
    text = CLIPTextModel(
        CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
    )
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(**VAE, latent_channels=4),
        text_encoder=text,
        tokenizer=tokenizer,
        unet=family.published.denoiser(**family.published.arguments),
        scheduler=PNDMScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.012,
            skip_prk_steps=True,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        device.place(part.eval().requires_grad_(False))
    return Diffusion(pipeline, family, None, device)


def caching_speed(device: Device, size: int = 256, batch: int = 2, num_steps: int = 4) -> CachingSpeed:
    """Time the same LoRA fine-tuning of a full-size Stable Diffusion 1.5, with pictures and captions encoded
    once, and encoded at each step.
    """
    model = full_size_stable_diffusion(device)
    make_trainable(model, "lora", 16, None)
    objective = objective_of(model.pipeline.scheduler, mean=0.0, std=1.0, snr_gamma=None)
    images = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    )
    steps: list[Sequence[Example]] = [[(i, f"a photo of person {i}") for i in range(batch)]] * (num_steps + 1)
    samples: dict[str, float] = {}
    setup: dict[str, float] = {}
    caches: tuple[Literal["all", "none"], ...] = ("all", "none")
    with tempfile.TemporaryDirectory() as folder:
        for cache in caches:
            start = time.perf_counter()
            encodings = Encodings(
                model, lambda positions: images[list(positions)], steps, cache, Path(folder)
            )
            setup[cache] = time.perf_counter() - start
            samples[cache] = batch * num_steps / _fit(model, objective, encodings, steps)
    return CachingSpeed(samples, setup, size, batch)


def _fit(model: Diffusion, objective: Any, encodings: Encodings, steps: Sequence[Sequence[Example]]) -> float:
    """Return the seconds of all steps but the first, which warms up."""
    times: list[float] = []

    def losses_of_step(step: int) -> Iterator[torch.Tensor]:
        model.device.synchronize()
        times.append(time.perf_counter())
        latents, conditions = encodings.of(steps[step])
        yield objective.loss(
            lambda noisy, t: model.predict(noisy, t, conditions), latents, torch.Generator().manual_seed(step)
        )

    schedule = Schedule(len(steps), 1e-4)
    fit(
        model.denoiser,
        losses_of_step,
        schedule,
        seed=("benchmark",),
        world=World(),
        checkpointing=NoCheckpoints(),
        device=model.device,
    )
    model.device.synchronize()
    return time.perf_counter() - times[1]


@final
@dataclass(frozen=True)
class StreamingMemory:
    """Resident bytes along a reading and along a training epoch of `num_images` pictures: at each tenth, the
    first tenth being warm-up.
    """

    num_images: int
    reading: list[float]
    training: list[float]
    seconds: tuple[float, float]

    def spread(self, which: Literal["reading", "training"]) -> float:
        """Return the largest deviation from the mean after the first tenth, as a share of it."""
        kept = np.array((self.reading if which == "reading" else self.training)[1:])
        return float(np.abs(kept / kept.mean() - 1).max())


def resident_bytes() -> float:
    """Return the memory that this process holds now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def private_bytes() -> float:
    """Return the resident memory that is this process's own, without mapped files' pages, which the system
    takes back when it likes (Linux).
    """
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon:")
    )
    return int(line.split()[1]) * 1024


def write_shards(folder: Path, num_shards: int, per_shard: int) -> None:
    """Write shards of small JPEGs with captions."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(500):
        buffer = io.BytesIO()
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        coarse.resize((64, 64), Image.Resampling.BILINEAR).save(buffer, format="JPEG", quality=80)
        pictures.append(buffer.getvalue())
    for shard in range(num_shards):
        with tarfile.open(folder / f"{shard:05d}.tar", "w") as tar:
            for i in range(per_shard):
                number = shard * per_shard + i
                for name, data in (
                    (f"{number:09d}.jpg", pictures[number % 500]),
                    (f"{number:09d}.txt", f"a photo of person {number}".encode()),
                ):
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))


def _stream(
    sender: "multiprocessing.connection.Connection", folder: Path, num_images: int, batch_size: int
) -> None:
    shards = f"{folder}/{{00000..{len(list(folder.glob('*.tar'))) - 1:05d}}}.tar"
    tree = {
        "data": {
            "corpus": "files",
            "train": {"format": "webdataset", "shards": shards},
            "holdout": 1e-9,
            "max_bad_share": 0.0,
        },
        "classifier": {"kind": "zero_shot"},
    }
    config = config_from_tree(tree, "benchmark").data
    tenth, reading, start = num_images // 10, [], time.perf_counter()

    def report(_: str, done: int) -> None:
        if done % tenth == 0:
            reading.append(resident_bytes())

    manifest = survey(config, folder / "manifest.sqlite", report)
    read, n = time.perf_counter() - start, manifest.size("train")
    settled = ResolvedDataConfig.of(
        config, num_train=n, num_retrieval=1, num_faces=1, manifest=str(manifest.path)
    )
    store = Store(folder / STATE, create=True)
    data = TrainingSet(
        FilesCorpus(settled, 0),
        store,
        Sources(np.zeros(n, np.int32), np.zeros(n, np.int32), np.arange(n, dtype=np.int32)),
    )
    clip = load_clip(SHIPPED_WEIGHTS / "clip")
    num_steps, training, start = n // batch_size, [], time.perf_counter()

    def losses_of_step(step: int) -> list[torch.Tensor]:
        if step % (num_steps // 10) == num_steps // 10 - 1:
            training.append(resident_bytes())
        batch = next(epoch_batches(n, batch_size, step, "benchmark")).tolist()
        return [
            contrastive_loss(
                clip, data.images(batch), [data.caption(i, "benchmark", step) for i in batch], World()
            )
        ]

    fit(
        clip.model,
        losses_of_step,
        Schedule(num_steps, 1e-5),
        seed=("benchmark",),
        world=World(),
        checkpointing=NoCheckpoints(),
    )
    store.close()
    sender.send(StreamingMemory(n, reading, training, (read, time.perf_counter() - start)))


def streaming_memory(num_shards: int = 100, per_shard: int = 1000, batch_size: int = 250) -> StreamingMemory:
    """Return the memory, in a fresh process, of reading shards through as `data check` does, and of one epoch
    of CLIP training on them.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        write_shards(Path(folder), num_shards, per_shard)
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(
            target=_stream, args=(sender, Path(folder), num_shards * per_shard, batch_size)
        )
        process.start()
        sender.close()
        answer: StreamingMemory = receiver.recv()
        process.join()
    return answer
