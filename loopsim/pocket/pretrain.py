"""Make the pocket preset's base weights from a seed: tokenizer, autoencoder, attribute classifier, generator,
CLIP, captioner.

Stages run in order; one whose files are there is finished, and one that was killed goes on from its
checkpoint.
"""

import errno
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor
from transformers import CLIPTokenizer

from loopsim.config import OpenMojiConfig
from loopsim.core.distributed import World
from loopsim.core.errors import DataError, DiskFull, StorageFailed
from loopsim.core.files import put_in_place, sweep_dead, sync_folder, temporary_beside, write_atomically
from loopsim.core.rng import numpy_generator, torch_generator
from loopsim.data.openmoji import GENDERS, PROFESSIONS, SKIN_TYPES, OpenMojiCorpus, Scene, groups_of, render
from loopsim.data.scene_captions import Facts, describe
from loopsim.models.captioners.clipcap import ClipCap, pocket_language_model
from loopsim.models.classifiers.cell_classifier import CellClassifier, build_network, pixels
from loopsim.models.classifiers.confusion import confusion_matrices
from loopsim.models.clip import build_clip, contrastive_loss, load_clip, pocket_clip_config
from loopsim.models.diffusion.family import FAMILIES
from loopsim.models.diffusion.objectives import FlowMatching
from loopsim.models.diffusion.patch_autoencoder import PatchAutoencoder, fit_patch_autoencoder
from loopsim.models.diffusion.pocket import build_pocket_pipeline, save_pocket_pipeline
from loopsim.models.diffusion.stable_diffusion import Diffusion
from loopsim.models.tokenizer import build_tokenizer
from loopsim.models.training import Checkpointing, Schedule, State, fit

CHECKPOINT_SECONDS = 60
Report = Callable[[str, int, int, float], None]  # stage, finished steps, all steps, loss


@final
class FileCheckpoints(Checkpointing):
    """Keeps a stage's newest state in one safetensors file, replaced atomically every CHECKPOINT_SECONDS."""

    def __init__(self, path: Path, report: Callable[[int, float], None]) -> None:
        self.path, self.report = path, report
        self.saved_at = time.monotonic()

    def load(self) -> tuple[int, State] | None:
        if not self.path.exists():
            return None
        try:
            state = load_file(self.path)
            return int(state.pop("finished")), state
        except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise DataError(
                f"{self.path}: a damaged checkpoint ({error}); delete it, and the same command begins this "
                "stage anew"
            ) from error

    def after_step(self, num_finished: int, state: Callable[[], State], loss: float) -> None:
        self.report(num_finished, loss)
        if time.monotonic() - self.saved_at > CHECKPOINT_SECONDS:
            whole = state() | {"finished": torch.tensor(num_finished)}
            write_atomically(self.path, save(whole))  # `save_file` makes temporary files of its own
            self.saved_at = time.monotonic()


@final
@dataclass(frozen=True)
class Pretraining:
    """One pre-training run: where it writes, from which seed, and on which world."""

    out: Path
    seed: int
    corpus: OpenMojiCorpus
    report: Report

    def checkpoint(self, stage: str) -> Path:
        """Return where a stage's newest state is kept until its files are written."""
        return self.out / f".{stage}.safetensors"

    def fit(
        self, stage: str, module: torch.nn.Module, loss_of_step: Callable[[int], Tensor], schedule: Schedule
    ) -> None:
        """Train a stage's module, with a checkpoint in the output folder until the stage's files are
        written.
        """
        checkpoints = FileCheckpoints(
            self.checkpoint(stage),
            lambda done, loss: self.report(stage, done, schedule.num_steps, loss),
        )
        fit(
            module,
            lambda step: [loss_of_step(step)],
            schedule,
            seed=(self.seed, "pretrain", stage),
            world=World(),
            checkpointing=checkpoints,
        )

    def seeded(self, stage: str) -> None:
        """Seed torch's global generator, which draws a new module's weights."""
        torch.manual_seed(torch_generator(self.seed, "pretrain", stage, "weights").initial_seed())

    def balanced_scenes(self, stage: str, step: int, batch_size: int) -> list[Scene]:
        """Return scenes of uniformly drawn professions, genders and skin types."""
        rng = numpy_generator(self.seed, "pretrain", stage, step)
        cells = list(product(self.corpus.women, GENDERS, SKIN_TYPES))
        return [self.corpus.draw_scene(rng, cells[rng.integers(len(cells))]) for _ in range(batch_size)]

    def scenes(self, stage: str, step: int, batch_size: int) -> tuple[Tensor, list[str]]:
        """Return images uint8 [n, 64, 64, 3] and one caption each, fresh at every step.

        Half of the scenes are balanced and their captions state everything about the person, so that stated
        attributes are obeyed everywhere; half are drawn from the world, with its sparing captions, so that
        neutral captions follow the world.
        """
        images, captions = [], []
        cells = list(product(self.corpus.women, GENDERS, SKIN_TYPES))
        for index in range(batch_size):
            rng = numpy_generator(self.seed, "pretrain", stage, step, index)
            if index % 2 == 0:
                scene = self.corpus.draw_scene(rng, cells[rng.integers(len(cells))])
                thing, place = rng.random(2) < 0.85
                facts = Facts(
                    scene.profession,
                    scene.gender,
                    scene.skin_type,
                    scene.object if thing else None,
                    scene.background if place else None,
                )
                captions.append(describe(facts, rng))
            else:
                scene = self.corpus.draw_scene(rng)
                captions.append(self.corpus.captions(scene, rng)[0])
            images.append(render(scene))
        return torch.from_numpy(np.stack(images)), captions


def _pictures(scenes: list[Scene]) -> Tensor:
    return torch.from_numpy(np.stack([render(scene) for scene in scenes]))


def _tokenizer_and_autoencoder(run: Pretraining) -> tuple[CLIPTokenizer, PatchAutoencoder]:
    images, _ = run.scenes("autoencoder", 0, 2000)
    return build_tokenizer(run.corpus.vocabulary()), fit_patch_autoencoder(pixels(images))


def _classifier(run: Pretraining, folder: Path) -> None:
    _, autoencoder = _tokenizer_and_autoencoder(run)
    cells = [
        groups_of(replace(EXAMPLE, profession=p, gender=g, skin_type=s))
        for p, g, s in product(PROFESSIONS, GENDERS, SKIN_TYPES)
    ]
    index = {tuple(cell.values()): number for number, cell in enumerate(cells)}
    run.seeded("classifier")
    model = build_network(len(cells))

    def loss_of_step(step: int) -> Tensor:
        scenes = run.balanced_scenes("classifier", step, 128)
        inputs = pixels(_pictures(scenes))
        # Half of the pictures pass, with noise, through the generator's autoencoder: the ruler must not mind
        # what a generator does to pixels.
        generator = torch_generator(run.seed, "pretrain", "classifier", step)
        latents = autoencoder.encode(inputs[::2])
        strength = (
            torch.rand(len(latents), 1, 1, 1, generator=generator)
            * 0.3
            / autoencoder.config["scaling_factor"]
        )
        inputs[::2] = autoencoder.decode(
            latents + strength * torch.randn(latents.shape, generator=generator)
        )[0].clamp(-1, 1)
        targets = torch.tensor([index[tuple(groups_of(scene).values())] for scene in scenes])
        return torch.nn.functional.cross_entropy(model(inputs).logits, targets)

    run.fit("classifier", model, loss_of_step, Schedule(400, 3e-3, warmup_steps=50, final_share=0.01))
    values = dict(run.corpus.attributes())
    classifier = CellClassifier(model, cells, values=values)
    heldout = run.balanced_scenes("classifier held-out", 0, HELDOUT)
    confusion = confusion_matrices(
        values, [groups_of(scene) for scene in heldout], classifier.label(_pictures(heldout))
    )
    CellClassifier(model, cells, values=values, confusion=confusion).save(folder)


def _generator(run: Pretraining, folder: Path) -> None:
    run.seeded("generator")
    pipeline = build_pocket_pipeline(*_tokenizer_and_autoencoder(run))
    model, objective = Diffusion(pipeline, FAMILIES.get("sd")), FlowMatching()
    module = torch.nn.ModuleDict({"unet": pipeline.unet, "text_encoder": pipeline.text_encoder})

    def loss_of_step(step: int) -> Tensor:
        images, captions = run.scenes("generator", step, 64)
        rng = numpy_generator(run.seed, "pretrain", "generator", step, "dropped captions")
        captions = [
            "" if dropped else caption
            for caption, dropped in zip(captions, rng.random(len(captions)) < 0.1, strict=True)
        ]
        conditions = model.family.encode(
            pipeline, captions
        )  # with gradients: the text encoder is trained here, too
        generator = torch_generator(run.seed, "pretrain", "generator", step)
        return objective.loss(
            lambda noisy, t: model.predict(noisy, t, conditions), model.encode_images(images), generator
        )

    run.fit(
        "generator",
        module,
        loss_of_step,
        Schedule(8000, 6e-4, warmup_steps=200, final_share=0.02, ema_decay=0.999),
    )
    save_pocket_pipeline(pipeline, folder)


def _clip(run: Pretraining, folder: Path) -> None:
    tokenizer, _ = _tokenizer_and_autoencoder(run)
    run.seeded("clip")
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer.save_pretrained(temporary)
        clip = build_clip(pocket_clip_config(tokenizer), Path(temporary))

    def loss_of_step(step: int) -> Tensor:
        images, captions = run.scenes("clip", step, 128)
        return contrastive_loss(clip, images, captions, World())

    run.fit("clip", clip.model, loss_of_step, Schedule(800, 1e-3, warmup_steps=50))
    clip.model.half()
    clip.save(folder)


def _captioner(run: Pretraining, folder: Path) -> None:
    clip, (tokenizer, _) = load_clip(folder.parent / "clip"), _tokenizer_and_autoencoder(run)
    run.seeded("captioner")
    captioner = ClipCap(
        pocket_language_model(tokenizer, 4), tokenizer, clip.feature_size, prefix_length=4
    ).eval()

    def loss_of_step(step: int) -> Tensor:
        images, captions = run.scenes("captioner", step, 128)
        return captioner.loss(clip.encode_images(images).clone(), captions)

    run.fit("captioner", captioner, loss_of_step, Schedule(600, 2e-3, warmup_steps=50))
    captioner.half()
    captioner.save(folder)


HELDOUT = 4000
EXAMPLE = Scene("cook", "man", "light", "cup", "in a kitchen", 70, (0, 0), 0, 40)
STAGES: dict[str, Callable[[Pretraining, Path], None]] = {
    "classifier": _classifier,
    "generator": _generator,
    "clip": _clip,
    "captioner": _captioner,
}


def pretrain(out: Path, seed: int, report: Report) -> Iterator[str]:
    """Run every stage that `out` lacks, yielding each stage's name when it is finished.

    Killed at any moment, the same call goes on. Raises DataError if a checkpoint is damaged, DiskFull or
    StorageFailed if the file system refuses.
    """
    # More sparing than the corpus: with the half that states everything, captions name a gender about as
    # often as the corpus's.
    world = OpenMojiConfig(mention_gender=0.3, mention_object=0.6, mention_background=0.5)
    run = Pretraining(out, seed, OpenMojiCorpus(world, seed), report)
    with _storage_explained(out):
        out.mkdir(parents=True, exist_ok=True)
        sync_folder(out.parent)
    for stage, body in STAGES.items():
        with _storage_explained(out):
            _make_stage(run, stage, body)
        yield stage


def _make_stage(run: Pretraining, stage: str, body: Callable[[Pretraining, Path], None]) -> None:
    folder, checkpoint = run.out / stage, run.checkpoint(stage)
    sweep_dead(run.out, stage)
    sweep_dead(run.out, checkpoint.name)
    if not folder.exists():
        temporary = temporary_beside(folder)
        try:
            body(run, temporary)
            put_in_place(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    checkpoint.unlink(missing_ok=True)


@contextmanager
def _storage_explained(out: Path) -> Iterator[None]:
    """Turn what the file system says into one line; the libraries that write say it in texts only."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "os error 28" in str(error)
        kind, way = (DiskFull, "make room") if full else (StorageFailed, "see to it")
        raise kind(f"{out} cannot be written ({error}); {way}, and the same command goes on") from error
