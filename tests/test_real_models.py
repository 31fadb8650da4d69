"""Real models: objectives, encodings that are computed once, weights that are refused, devices, and what a
plan counts.
"""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import checkpoints
import corpora
import numpy as np
import open_clip
import pytest
import torch
from conftest import loopsim, small_config, start_run
from diffusers import DDPMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from test_families import tree

from loopsim.config import ClassifierConfig, DeviceConfig, GeneratorConfig, config_from_tree, load_config
from loopsim.core.device import Device, choose_device, largest_batch
from loopsim.core.distributed import World
from loopsim.core.errors import ConfigError, DataError
from loopsim.costs.batch_size import probe_batches
from loopsim.costs.plan import measured_rate, plan, rows_of, stated_rate
from loopsim.models.captioners.clipcap import load_language_model
from loopsim.models.captioners.decoding import _SeededNucleus
from loopsim.models.captioners.image_to_text import load_image_to_text
from loopsim.models.classifiers.attribute_classifier import load_checkpoints, zero_shot
from loopsim.models.classifiers.people_detector import load_detector
from loopsim.models.clip import load_clip, open_clip_model
from loopsim.models.diffusion import stable_diffusion as diffusion
from loopsim.models.diffusion.encodings import Encodings
from loopsim.models.diffusion.objectives import Denoising, FlowMatching, objective_of
from loopsim.models.prefetch import Ahead
from loopsim.models.training import Checkpointing, NoCheckpoints, Schedule, fit
from loopsim.store.keys import Table, key
from loopsim.store.store import Store

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    makers = {
        "sd": checkpoints.stable_diffusion,
        "sd3": checkpoints.stable_diffusion_3,
        "sdxl": checkpoints.stable_diffusion_xl,
    }
    makers |= {
        "vit": checkpoints.clip,
        "gpt2": checkpoints.gpt2,
        "blip": checkpoints.blip,
        "detector": checkpoints.detector,
    }
    return {name: make(root / name) for name, make in makers.items()}


def load(folder: Path, **more) -> diffusion.Diffusion:
    return diffusion.load_diffusion(GeneratorConfig(checkpoint=str(folder), **more), Path("none"))


def pictures(n: int) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.asarray(corpora.picture(i, (32, 32))) for i in range(n)]))


# Objectives


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_perfect_denoiser_has_no_loss_and_knows_its_target(prediction: str) -> None:
    scheduler = DDPMScheduler(
        prediction_type=prediction, beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012
    )
    latents = torch.randn(6, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    alphas = scheduler.alphas_cumprod

    def perfect(noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        a = alphas[t][:, None, None, None]
        noise = (noisy - a.sqrt() * latents) / (1 - a).sqrt()
        return noise if prediction == "epsilon" else a.sqrt() * noise - (1 - a).sqrt() * latents

    for gamma in (None, 5.0):
        assert Denoising(scheduler, gamma).loss(perfect, latents, torch.Generator().manual_seed(2)) < 1e-6
    zero = Denoising(scheduler).loss(
        lambda noisy, t: torch.zeros_like(noisy), latents, torch.Generator().manual_seed(2)
    )
    assert zero == pytest.approx(1, abs=0.3)  # both targets have unit variance


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_min_snr_weights_are_the_papers(prediction: str) -> None:
    scheduler = DDPMScheduler(prediction_type=prediction)
    seen: list[torch.Tensor] = []

    def wrong(noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append(t)
        return torch.zeros_like(noisy)

    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    plain = Denoising(scheduler).loss(wrong, latents, torch.Generator().manual_seed(7))
    weighted = Denoising(scheduler, 5.0).loss(wrong, latents, torch.Generator().manual_seed(7))
    snr = (scheduler.alphas_cumprod / (1 - scheduler.alphas_cumprod))[seen[0]].item()
    expected = min(snr, 5.0) / (snr if prediction == "epsilon" else snr + 1)
    assert (weighted / plain).item() == pytest.approx(expected, rel=1e-4)


@settings(max_examples=20)
@given(shift=st.floats(0.5, 6), seed=st.integers(0, 2**31))
def test_flow_matching_is_a_straight_line_from_the_latents_to_noise(shift: float, seed: int) -> None:
    latents = torch.randn(5, 2, 3, 3, generator=torch.Generator().manual_seed(seed))
    times: list[torch.Tensor] = []

    def perfect(noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        times.append(t)
        return (noisy - latents) / (t / 1000)[:, None, None, None]  # x_t - x_0 = t (ε - x_0)

    assert FlowMatching(0.0, 1.0, shift).loss(perfect, latents, torch.Generator().manual_seed(seed)) < 1e-5
    assert ((times[0] > 0) & (times[0] < 1000)).all()


def test_each_family_learns_what_its_scheduler_says(folders: dict[str, Path]) -> None:
    found = {
        name: objective_of(load(folders[name]).pipeline.scheduler, mean=0.1, std=1.2, snr_gamma=5.0)
        for name in ("sd", "sdxl", "sd3")
    }
    assert found["sd3"] == FlowMatching(0.1, 1.2, 3.0)
    assert isinstance(found["sd"], Denoising)
    assert found["sd"].scheduler.config.beta_end == 0.012
    assert found["sd"].scheduler.config.prediction_type == "epsilon"
    assert isinstance(found["sdxl"], Denoising)


# Encodings


@pytest.mark.parametrize("family", ["sd", "sdxl", "sd3"])
def test_what_is_encoded_once_is_what_each_step_would_encode(
    folders: dict[str, Path], family: str, tmp_path: Path
) -> None:
    model, images = load(folders[family]), pictures(6)
    steps = [[(0, "a man"), (3, "")], [(5, "a woman in red"), (0, "a man")]]
    kept = {
        cache: Encodings(model, lambda positions: images[list(positions)], steps, cache, tmp_path)
        for cache in ("all", "latents", "none")  # type: ignore[arg-type]
    }
    for step in steps:
        latents, conditions = kept["none"].of(step)
        for cache in ("all", "latents"):
            again, others = kept[cache].of(step)
            assert torch.allclose(again, latents, atol=1e-5)
            assert all(torch.allclose(others[name], conditions[name], atol=1e-5) for name in conditions)


def test_many_encodings_go_to_a_file(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loopsim.models.diffusion.encodings.IN_MEMORY_BYTES", 100)
    model, images = load(folders["sd"]), pictures(4)
    steps = [[(i, f"a man {i}") for i in range(4)]]
    with Encodings(model, lambda positions: images[list(positions)], steps, "all", tmp_path) as encodings:
        assert len(list(tmp_path.iterdir())) == 2
        assert torch.allclose(encodings.of(steps[0])[0], model.encode_images(images), atol=1e-5)
    del encodings
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("family", ["sd", "sdxl", "sd3"])
def test_a_picture_depends_on_its_prompt_and_seed_not_on_its_batch(
    folders: dict[str, Path], family: str
) -> None:
    model = load(folders[family])
    together = diffusion.sample(model, ["a man", "a woman"], [1, 2], num_steps=2, guidance=3, size=32)
    alone = diffusion.sample(model, ["a woman"], [2], num_steps=2, guidance=3, size=32)
    assert together.shape == (2, 32, 32, 3)
    assert (together[1].int() - alone[0].int()).abs().max() <= 1
    assert (
        diffusion.sample(model, ["a woman"], [3], num_steps=2, guidance=3, size=32)[0].int() - alone[0].int()
    ).abs().max() > 1


# Weights that are refused


def test_pickles_are_refused_with_the_way_out(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["sd"], tmp_path / "sd")
    weights = tmp_path / "sd/unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(DataError, match=r"is a pickle.*safe_serialization=True"):
        load(tmp_path / "sd")
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x04")
    with pytest.raises(DataError, match=r"is a pickle.*save_file"):
        load(tmp_path / "model.ckpt")
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


def test_checkpoints_of_another_family_are_named(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"is a checkpoint of family sdxl, the config says generator\.family = 'sd'"
    ):
        load(folders["sdxl"], family="sd")
    with pytest.raises(DataError, match=r"no model_index\.json"):
        load(folders["gpt2"])
    with pytest.raises(DataError, match="no such folder, and no hub id"):
        load(tmp_path / "nowhere")
    (tmp_path / "flux").mkdir()
    (tmp_path / "flux/model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    with pytest.raises(DataError, match="is a FluxPipeline; loopsim fine-tunes StableDiffusionPipeline"):
        load(tmp_path / "flux")
    (tmp_path / "one.safetensors").write_bytes(b"no header")
    with pytest.raises(ConfigError, match=r"generator\.family: .* is a single file"):
        load(tmp_path / "one.safetensors")
    with pytest.raises(DataError, match="cannot be loaded as sd"):
        load(tmp_path / "one.safetensors", family="sd", config=str(folders["sd"]))
    with pytest.raises(ConfigError, match="open_clip knows no such model"):
        open_clip_model("ViT-Z-99", None, random=True)
    with pytest.raises(ConfigError, match="CLIP 'ViT-B-32' with weights 'no-such-tag'"):
        open_clip_model("ViT-B-32", "no-such-tag")
    with pytest.raises(DataError, match=r"no captioner that loopsim trains|cannot be loaded"):
        load_image_to_text(str(folders["gpt2"]), 10)
    with pytest.raises(ConfigError, match=r"finetune\.lora_targets"):
        diffusion.make_trainable(load(folders["sd"]), "lora", 2, None, ["no_such_layer"])


def test_weights_that_are_cut_short_or_of_other_shapes_are_named(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(folders["sd"], tmp_path / "sd")
    weights = tmp_path / "sd/unet/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"sd' cannot be loaded"):
        load(tmp_path / "sd")
    shutil.copytree(folders["gpt2"], tmp_path / "gpt2")
    (tmp_path / "gpt2/model.safetensors").write_bytes(b"short")
    with pytest.raises(DataError, match=r"gpt2' cannot be loaded"):
        load_language_model(str(tmp_path / "gpt2"))
    shutil.copytree(folders["vit"], tmp_path / "vit")
    config = json.loads((tmp_path / "vit/open_clip_config.json").read_text())
    config["model_cfg"]["embed_dim"] = 48
    (tmp_path / "vit/open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="CLIP 'local-dir:"):
        load_clip(tmp_path / "vit")


def test_a_single_file_is_the_checkpoint_of_its_folder(folders: dict[str, Path], tmp_path: Path) -> None:
    path = checkpoints.single_file(folders["sd"], tmp_path / "one.safetensors")
    one, whole = load(path, family="sd", config=str(folders["sd"])), load(folders["sd"])
    given = {"prompts": ["a man"], "seeds": [1], "num_steps": 2, "guidance": 2.0, "size": 32}
    assert torch.equal(diffusion.sample(one, **given), diffusion.sample(whole, **given))
    diffusion.make_trainable(one, "full", 1, None)
    diffusion.save_finetuned(
        one, "full", tmp_path / "saved"
    )  # the whole pipeline: there is no folder to copy the rest from
    assert torch.equal(diffusion.sample(load(tmp_path / "saved"), **given), diffusion.sample(whole, **given))


# OpenCLIP by name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["RN50", "ViT-B-32"])
def test_a_clip_of_open_clips_own_name(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    clip = open_clip_model(name, None, random=True, augment=True)
    clip.save(tmp_path / "clip")
    again = load_clip(tmp_path / "clip")
    model, _, evaluate = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'clip'}")
    images, texts = pictures(2), ["a photo of a cook", "a man"]
    assert torch.allclose(again.encode_images(images), clip.encode_images(images), atol=1e-5)
    tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'clip'}")(texts)
    with torch.inference_mode():
        assert torch.allclose(
            model.eval().encode_text(tokens, normalize=True), clip.encode_texts(texts), atol=1e-5
        )
        seen = torch.stack([evaluate(Image.fromarray(image.numpy())) for image in images])
        assert torch.equal(seen, clip.preprocess(images))
    torch.manual_seed(5)
    one = clip.preprocess(images, training=True)
    torch.manual_seed(5)
    assert torch.equal(clip.preprocess(images, training=True), one)  # crops follow the seed of the step
    assert not torch.equal(one, seen)


# Classifiers and decoding


def test_zero_shot_needs_prompts_and_uses_them(folders: dict[str, Path]) -> None:
    clip = load_clip(folders["vit"])
    found = zero_shot(clip, ("gender",), {"shape": {"square": ["a square"], "person": ["a person"]}})
    labels = found.label(pictures(4))
    assert set(labels[0]) == {"gender", "shape"}
    assert {label["gender"] for label in labels} <= {"man", "woman"}
    with pytest.raises(ConfigError, match="no prompts for 'mood'"):
        zero_shot(clip, ("mood",), {})
    assert ClassifierConfig(kind="zero_shot").attributes == ("gender", "skin_tone")


@settings(max_examples=30)
@given(top_p=st.floats(0.05, 1.0), seed=st.integers(0, 1000))
def test_nucleus_sampling_never_leaves_the_nucleus(top_p: float, seed: int) -> None:
    logits = torch.randn(1, 30, generator=torch.Generator().manual_seed(seed)) * 2
    ranked, order = logits.softmax(-1)[0].sort(descending=True)
    size = int((ranked.cumsum(0) < top_p).sum()) + 1
    chosen = _SeededNucleus([seed], 1.0, top_p)(torch.zeros(1, 0), logits).argmax(-1).item()
    assert chosen in order[:size].tolist()


def test_seeded_sampling_follows_the_probabilities() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).expand(4000, -1)
    chosen = _SeededNucleus(range(4000), 1.0, 1.0)(torch.zeros(1, 0), logits).argmax(-1)
    assert torch.bincount(chosen, minlength=4) / 4000 == pytest.approx(
        torch.tensor([0.5, 0.3, 0.15, 0.05]), abs=0.03
    )


def test_a_detector_cuts_people_out_and_keeps_the_size(folders: dict[str, Path]) -> None:
    detector, images = load_detector(str(folders["detector"])), pictures(3)
    assert detector.persons == (0,)
    assert detector.crop(images).shape == images.shape
    found = {
        "boxes": torch.tensor([[4.0, 4.0, 12.0, 20.0], [0.0, 0.0, 4.0, 4.0]]),
        "labels": torch.tensor([0, 0]),
    }
    cut = detector._cut(images[0], found)
    assert cut.shape == images[0].shape
    assert not torch.equal(cut, images[0])
    assert torch.equal(
        detector._cut(images[0], {"boxes": found["boxes"], "labels": torch.tensor([1, 1])}), images[0]
    )


# The seed paper's way


def test_pictures_of_the_same_seed_prompt_and_model_are_drawn_once(tmp_path: Path) -> None:
    start_run(
        tmp_path / "run",
        small_config(
            "finetune.num_steps=0", "generate.fresh_seeds=false", "generate.prompts=original",
            "generate.curation=none", "compose.alpha=[0.25, 0.5]",
            "evaluate.metrics=[]", "generate.batch_size=3",
        ),
    )  # fmt: skip
    with Store(tmp_path / "run/state.lmdb", readonly=True) as store:
        first, second = (list(store.scan(key(Table.SAMPLE, generation))) for generation in (1, 2))
        dataset = {g: [row.fields for _, row in store.scan(key(Table.DATASET, g))] for g in (1, 2)}
    assert (len(first), len(second)) == (6, 12)
    assert [(row.blob, row.fields["slot"], row.fields["prompt"]) for _, row in second[:6]] == [
        (row.blob, row.fields["slot"], row.fields["prompt"]) for _, row in first
    ]
    assert len({row.blob for _, row in second}) == 12
    real = {
        g: {fields["slot"] for fields in rows if fields["source"] == "real"} for g, rows in dataset.items()
    }
    assert real[2] < real[1]  # the replaced sets are nested


# Devices and batch sizes


def test_a_device_that_is_not_there_is_named() -> None:
    assert choose_device(DeviceConfig(name="cpu")) == Device()
    assert choose_device(DeviceConfig(name="cpu", precision="bf16")).train_dtype == torch.bfloat16
    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(
        ConfigError, match=f'device.name = "{missing}": PyTorch finds no such device; it finds: .*cpu'
    ):
        choose_device(DeviceConfig(name=missing))


def test_the_largest_batch_stops_where_memory_ends_or_nothing_is_won() -> None:
    def until(limit: int):
        def unit(n: int) -> None:
            if n > limit:
                raise torch.OutOfMemoryError

        return unit

    assert largest_batch(until(5), Device(), 64) <= 5
    assert largest_batch(lambda n: time.sleep(0.02 * n), Device(), 64) <= 2  # no gain in taking more
    assert largest_batch(lambda n: time.sleep(0.02), Device(), 8) == 8


@pytest.mark.slow
def test_auto_batches_become_numbers_of_the_run(folders: dict[str, Path], tmp_path: Path) -> None:
    own = corpora.folder(tmp_path / "own", 12)
    sections = {"generate": {"batch_size": "auto"}, "finetune": {"micro_batch": "auto", "batch_size": 4}}
    config = config_from_tree(tree(own, folders, **sections), "t")
    found = probe_batches(config)
    assert 1 <= found.generate.size() <= 256
    assert 1 <= found.finetune.micro_batch <= 4
    assert probe_batches(found) == found


@pytest.mark.parametrize("enabled", [True, False])
def test_loading_ahead_gives_each_step_its_own_data(enabled: bool) -> None:
    with Ahead(lambda step: step * step, enabled=enabled) as load_step:
        assert [load_step(step) for step in (3, 4, 5, 9, 10)] == [9, 16, 25, 81, 100]


def test_float16_training_scales_its_loss_and_resumes(folders: dict[str, Path], tmp_path: Path) -> None:
    model = torch.nn.Linear(4, 1)
    state: dict = {}

    class Kept(Checkpointing):
        def __init__(self, until: int) -> None:
            self.until = until

        def load(self):
            return state.get("kept")

        def after_step(self, num_finished, make, loss) -> None:
            if num_finished == self.until:
                state["kept"] = (num_finished, make())
                raise KeyboardInterrupt

    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    device = choose_device(DeviceConfig(name="cpu", precision="fp16"))

    def train(module: torch.nn.Linear, checkpointing) -> torch.Tensor:
        fit(
            module, lambda step: [(module(x) - 1).float().square().mean()], Schedule(6, 1e-2, 0), seed=("t",),
            world=World(),
            checkpointing=checkpointing, device=device,
        )  # fmt: skip
        return module.weight.detach().clone()

    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    whole = train(model, NoCheckpoints())
    assert not torch.equal(whole, start["weight"])
    model.load_state_dict(start)
    with pytest.raises(KeyboardInterrupt):
        train(model, Kept(3))
    assert "scaler" in state["kept"][1]
    again = torch.nn.Linear(4, 1)
    assert torch.equal(train(again, Kept(-1)), whole)


def test_bf16_training_moves_the_same_weights(folders: dict[str, Path], tmp_path: Path) -> None:
    own = corpora.folder(tmp_path / "own", 12)
    sections = {
        "device": {"name": "cpu", "precision": "bf16", "channels_last": True},
        "evaluate": {"metrics": ["recall"], "num_replicates": 1},
    }
    config = config_from_tree(tree(own, folders, **sections) | {"generations": 1}, "t")
    first = start_run(tmp_path / "one", config)
    assert start_run(tmp_path / "two", config) == first


# Plans


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.toml")))
def test_every_config_has_a_plan(name: str, tmp_path: Path) -> None:
    config = load_config(
        str(CONFIGS / f"{name}.toml"), ["data.expected={train = 1000, retrieval = 100, faces = 100}"]
    )
    rows, notes = rows_of(plan(config, tmp_path, "test", 1e14), every=False)
    assert {row.phase for row in rows} >= {"train_clip", "train_captioner", "evaluate", "generate"}
    assert rows[-1].flops == pytest.approx(sum(row.flops for row in rows[:-1]))
    assert rows[-1].hours == pytest.approx(rows[-1].flops / 1e14 / 3600)
    assert all(np.isfinite([row.flops, row.disk]).all() for row in rows)
    assert notes


def test_a_plan_counts_what_the_loop_does(folders: dict[str, Path], tmp_path: Path) -> None:
    own = corpora.folder(tmp_path / "own", 24)
    config = config_from_tree(tree(own, folders), "t")
    start_run(tmp_path / "runs/run", config)
    found = plan(config, tmp_path / "runs", "test", 1e12)
    with Store(tmp_path / "runs/run/state.lmdb", readonly=True) as store:
        drawn = {g + 1: len(store.keys(key(Table.SAMPLE, g + 1))) for g in range(2)}
    planned = {item.generation + 1: item.num_images for item in found.work if item.phase == "generate"}
    assert planned == drawn
    assert found.assumed == []  # the corpus has been read


def test_published_denoisers_have_their_published_sizes() -> None:
    from loopsim.costs.flops import diffusion_cost

    sizes = {
        family: diffusion_cost(
            GeneratorConfig(checkpoint="a/b", family=family), Path("none"), 512
        ).num_weights
        for family in ("sd", "sdxl", "sd3")
    }
    assert sizes["sd"] == 859_520_964
    assert sizes["sdxl"] == 2_567_463_684
    assert sizes["sd3"] == pytest.approx(2.03e9, rel=0.03)


def test_rates() -> None:
    assert stated_rate("a100", 0.5) == 156e12
    with pytest.raises(ConfigError, match="known are"):
        stated_rate("a101", 0.5)
    assert measured_rate(replace(Device(), sample_dtype=torch.float32), size=256, seconds=0.05) > 1e8


def test_the_plan_command_prints_a_table(tmp_path: Path) -> None:
    done = loopsim("plan", str(CONFIGS / "paper_coco.toml"), "--runs-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "113,287 train images" in done.stdout.replace("\n", " ")
    with pytest.raises(ConfigError, match=r"data\.expected"):
        plan(load_config(str(CONFIGS / "own_folder.toml")), tmp_path, "test", 1e12)
