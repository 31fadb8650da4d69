"""Model folders that try to run a program when they are opened: tiny checkpoints, spoilt in one way each.

Every program makes one file, the marker; a folder has done harm if the marker is there.
"""

import io
import json
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from safetensors.torch import load_file, save_file

from loopsim.config import CaptionerConfig, ClassifierConfig, ClipConfig, EncoderConfig, GeneratorConfig
from loopsim.core.device import CPU
from loopsim.models.captioners import base_captioner, load_captioner
from loopsim.models.captioners.transformer import load_tokenizer
from loopsim.models.classifiers import open_classifier
from loopsim.models.classifiers.cell_classifier import load_classifier
from loopsim.models.classifiers.people_detector import load_detector
from loopsim.models.clip import base_clip, frozen_clip, load_clip
from loopsim.models.diffusion.finetuning import load_finetuned, make_trainable, save_finetuned
from loopsim.models.diffusion.loading import load_diffusion
from loopsim.models.text_classifier import finetune_encoder
from tests.helpers.checkpoints import TinyModels, loaded_diffusion

NOWHERE = Path("none")
PYTHON = """
from pathlib import Path
Path({marker!r}).write_text("ran")
class Evil:
    def __init__(self, *args, **kwargs): pass
    @classmethod
    def from_pretrained(cls, *args, **kwargs): return cls()
"""


@final
@dataclass(frozen=True)
class Payload:
    """The program, in the forms in which data can carry it; `outside` is a folder beside the model's."""

    marker: Path
    outside: Path

    @property
    def python(self) -> str:
        return PYTHON.format(marker=str(self.marker))

    @property
    def pickled(self) -> bytes:
        return pickle.dumps(_Touch(str(self.marker)))

    def elsewhere(self, base: Path) -> Path:
        """A hostile folder of transformers that another one may lead to."""
        shutil.copytree(base, self.outside)
        automatic(self.outside, self, "config.json", "AutoConfig", "AutoModel")
        return self.outside


class _Touch:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable, tuple]:
        return io.open, (self.path, "w")


# What spoils a folder


def merge(path: Path, **keys: Any) -> None:
    """Set keys of a JSON file, a dotted one further down."""
    tree = json.loads(path.read_text()) if path.exists() else {}
    for key, value in keys.items():
        *above, last = key.split("__")
        node = tree
        for name in above:
            node = node.setdefault(name, {})
        node[last] = value
    path.write_text(json.dumps(tree))


def automatic(folder: Path, payload: Payload, file: str, *autos: str, repository: str = "") -> None:
    """Have the Auto classes of transformers look for their class in evil.py, here or in a repository."""
    classes: dict[str, Any] = dict.fromkeys(autos, f"{repository}evil.Evil")
    if "AutoTokenizer" in classes:
        classes["AutoTokenizer"] = [classes["AutoTokenizer"], None]
    merge(folder / file, auto_map=classes)
    if not repository:
        (folder / "evil.py").write_text(payload.python)


def spoilt_weights(folder: Path, payload: Payload, name: str) -> None:
    """Put a pickle in the place of a folder's safetensors."""
    for weights in folder.glob("*.safetensors"):
        weights.unlink()
    (folder / name).write_bytes(payload.pickled)


def _issue_clip(folder: Path, payload: Payload) -> None:
    merge(folder / CLIP, model_cfg__text_cfg__tokenizer_kwargs={"trust_remote_code": True})
    automatic(folder, payload, TOKENIZER, "AutoTokenizer")


def _clip_text(**keys: Any) -> Callable[[Path, Payload], None]:
    return lambda folder, payload: merge(
        folder / CLIP, **{f"model_cfg__text_cfg__{key}": value for key, value in keys.items()}
    )


def _leads_to_folder(folder: Path, payload: Payload) -> None:
    outside = payload.elsewhere(folder)
    merge(folder / CLIP, model_cfg__text_cfg__hf_model_name=str(outside))


def _timm_elsewhere(folder: Path, payload: Payload) -> None:
    payload.outside.mkdir()
    merge(payload.outside / "config.json", architecture="resnet18", pretrained_cfg={"file": "evil.pth"})
    (payload.outside / "evil.pth").write_bytes(payload.pickled)
    merge(folder / CLIP, model_cfg__vision_cfg__timm_model_name=f"local-dir:{payload.outside}")


def _linked_config(folder: Path, payload: Payload) -> None:
    shutil.copytree(folder, payload.outside)
    _issue_clip(payload.outside, payload)
    for name in (CLIP, TOKENIZER):
        (folder / name).unlink()
        (folder / name).symlink_to(payload.outside / name)


def _linked_part(folder: Path, payload: Payload) -> None:
    shutil.copytree(folder / "scheduler", payload.outside)
    (payload.outside / "evil.py").write_text(payload.python)
    shutil.rmtree(folder / "scheduler")
    (folder / "scheduler").symlink_to(payload.outside, target_is_directory=True)
    merge(folder / INDEX, scheduler=["evil", "Evil"])


def _deep(folder: Path, payload: Payload) -> None:
    (folder / TOKENIZER).write_text('{"a": ' * 100_000 + "1" + "}" * 100_000)


def _rather_deep(folder: Path, payload: Payload) -> None:
    (folder / TOKENIZER).write_text('{"a": ' * 300 + "1" + "}" * 300)


def _huge(folder: Path, payload: Payload) -> None:
    os.truncate(folder / TOKENIZER, 12_000_000_000)  # sparse: nothing of it is on the disk


def _pipe(folder: Path, payload: Payload) -> None:
    (folder / TOKENIZER).unlink()
    os.mkfifo(folder / TOKENIZER)


def _file(name: str) -> Callable[[Path, Payload], None]:
    def spoil(folder: Path, payload: Payload) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(payload.python)

    return spoil


def _auto(file: str, *autos: str, repository: str = "") -> Callable[[Path, Payload], None]:
    return lambda folder, payload: automatic(folder, payload, file, *autos, repository=repository)


def _set(file: str, **keys: Any) -> Callable[[Path, Payload], None]:
    return lambda folder, payload: merge(folder / file, **keys)


def _pickle(name: str) -> Callable[[Path, Payload], None]:
    return lambda folder, payload: spoilt_weights(folder / Path(name).parent, payload, Path(name).name)


def _adapter(folder: Path, payload: Payload) -> None:
    merge(
        folder / "adapter_config.json",
        peft_type="LORA",
        base_model_name_or_path=str(payload.elsewhere(folder)),
    )


def _shards(folder: Path, payload: Payload) -> None:
    (folder / "evil.bin").write_bytes(payload.pickled)
    names = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(names, "evil.bin")})
    )


def _checkpoint_of_timm(key: str) -> Callable[[Path, Payload], None]:
    def spoil(folder: Path, payload: Payload) -> None:
        payload.outside.write_bytes(payload.pickled)
        merge(
            folder / "config.json",
            backbone="resnet18",
            use_timm_backbone=True,
            **{key: {"checkpoint_path": str(payload.outside)}},
        )

    return spoil


def _component(library: str, name: str, file: str | None = None) -> Callable[[Path, Payload], None]:
    def spoil(folder: Path, payload: Payload) -> None:
        merge(folder / INDEX, scheduler=[library, name])
        if file is not None:
            (folder / file).write_text(payload.python)

    return spoil


def _own_pipeline(folder: Path, payload: Payload) -> None:
    merge(folder / INDEX, _class_name=["evil", "Evil"])
    (folder / "evil.py").write_text(payload.python)


def _adapter_metadata(folder: Path, payload: Payload) -> None:
    weights = folder / "pytorch_lora_weights.safetensors"
    config = {
        "unet.r": 2,
        "unet.megatron_config": {"a": 1},
        "megatron_config": {"a": 1},
        "megatron_core": "evil",
    }
    save_file(load_file(weights), weights, {"format": "pt", "lora_adapter_metadata": json.dumps(config)})


# How each kind is opened, by the loaders that a loop uses


def _with_clip(config: CaptionerConfig, models: TinyModels) -> object:
    return base_captioner(config, NOWHERE, load_clip(models["vit"]))


def _classified(folder: Path) -> object:
    config = ClassifierConfig(kind="checkpoint", checkpoints={"gender": str(folder)})
    return open_classifier(config, NOWHERE, CPU, lambda: load_clip(folder))


def _zero_shot(folder: Path) -> object:
    config, encoder = ClassifierConfig(kind="zero_shot"), EncoderConfig(model=str(folder))
    return open_classifier(config, NOWHERE, CPU, lambda: frozen_clip(encoder, NOWHERE, CPU))


def _single_file(folder: Path, models: TinyModels) -> object:
    weights = folder.parent / "one.safetensors"
    save_file(load_file(folder / "unet/diffusion_pytorch_model.safetensors"), weights)
    config = GeneratorConfig(checkpoint=str(weights), family="sd", config=str(folder))
    return load_diffusion(config, NOWHERE)


def _lora(models: TinyModels) -> Path:
    folder = models.root / "lora"
    if not folder.exists():
        model = loaded_diffusion(models["sd"])
        make_trainable(model, "lora", 2, None)
        save_finetuned(model, "lora", folder)
    return folder


def _captioner(models: TinyModels) -> Path:
    folder = models.root / "clipcap"
    if not folder.exists():
        folder.mkdir()
        config = CaptionerConfig(model=str(models["gpt2"]), prefix_length=3)
        _with_clip(config, models).save(folder)
    return folder


Open = Callable[[Path, TinyModels], object]
OPENERS: dict[str, tuple[str | Callable[[TinyModels], Path], Open]] = {
    "clip": ("vit", lambda folder, models: load_clip(folder)),
    "base clip": ("vit", lambda folder, models: base_clip(ClipConfig(model=str(folder)), NOWHERE, CPU)),
    "encoder": ("vit", lambda folder, models: frozen_clip(EncoderConfig(model=str(folder)), NOWHERE, CPU)),
    "zero-shot": ("vit", lambda folder, models: _zero_shot(folder)),
    "captioner": (
        "blip",
        lambda folder, models: _with_clip(CaptionerConfig(kind="hub", model=str(folder)), models),
    ),
    "language model": (
        "gpt2",
        lambda folder, models: _with_clip(CaptionerConfig(kind="clipcap", model=str(folder)), models),
    ),
    "tokenizer": ("gpt2", lambda folder, models: load_tokenizer(str(folder))),
    "trained captioner": (_captioner, lambda folder, models: load_captioner(folder, CPU)),
    "classifier": ("gender", lambda folder, models: _classified(folder)),
    "shipped classifier": ("gender", lambda folder, models: load_classifier(folder)),
    "detector": ("detector", lambda folder, models: load_detector(str(folder))),
    "text encoder": ("gpt2", lambda folder, models: finetune_encoder(str(folder), ["a"], [0], 2, 1)),
    "generator": ("sd", lambda folder, models: loaded_diffusion(folder)),
    "single file": ("sd", _single_file),
    "trained generator": (
        _lora,
        lambda folder, models: load_finetuned(loaded_diffusion(models["sd"]), folder),
    ),
}
CLIP, TOKENIZER, INDEX = "open_clip_config.json", "tokenizer_config.json", "model_index.json"
KERNEL = "evil/kernel"

# (how it is opened, what is wrong with it): what spoils it.
HOSTILE: dict[tuple[str, str], Callable[[Path, Payload], None]] = {
    ("clip", "trust in its tokenizer"): _issue_clip,
    ("base clip", "trust in its tokenizer"): _issue_clip,
    ("encoder", "trust in its tokenizer"): _issue_clip,
    ("zero-shot", "trust in its tokenizer"): _issue_clip,
    ("clip", "own tokenizer"): _auto(TOKENIZER, "AutoTokenizer"),
    ("clip", "own config"): _auto("config.json", "AutoConfig", "AutoTokenizer"),
    ("clip", "code of a repository"): _auto(TOKENIZER, "AutoTokenizer", repository="evil/code--"),
    ("clip", "tokenizer's arguments"): _clip_text(
        hf_tokenizer_name="", tokenizer_kwargs={"bpe_path": "/proc/self/environ"}
    ),
    ("clip", "tokenizer elsewhere"): _clip_text(hf_tokenizer_name="../outside"),
    ("clip", "text tower elsewhere"): _leads_to_folder,
    ("clip", "text tower of a hub"): _clip_text(hf_model_name="evil/model"),
    ("clip", "image tower elsewhere"): _timm_elsewhere,
    ("clip", "a key that names a function"): _set(CLIP, model_cfg___target_="os.system"),
    ("clip", "an unknown key"): _set(CLIP, model_cfg__text_cfg__factory="os.system"),
    ("clip", "pickled weights"): _pickle("open_clip_pytorch_model.bin"),
    ("clip", "pickled weights, .pth"): _pickle("model.pth"),
    ("clip", "configs that are links"): _linked_config,
    ("clip", "a library"): _file("evil.so"),
    ("clip", "compiled code"): _file("__pycache__/evil.cpython-311.pyc"),
    ("clip", "a script"): _file("setup.sh"),
    ("clip", "a pipe"): _pipe,
    ("clip", "a file of 12 GB"): _huge,
    ("clip", "a hundred thousand levels"): _deep,
    ("clip", "three hundred levels"): _rather_deep,
    ("captioner", "own config"): _auto("config.json", "AutoConfig", "AutoModelForImageTextToText"),
    ("captioner", "own processor"): _auto("preprocessor_config.json", "AutoImageProcessor"),
    ("captioner", "own tokenizer"): _auto(TOKENIZER, "AutoTokenizer"),
    ("captioner", "own generation"): _file("custom_generate/generate.py"),
    ("captioner", "a hub's kernel"): _set("config.json", attn_implementation=KERNEL),
    ("captioner", "a hub's kernel in a part"): _set(
        "config.json", text_config___attn_implementation={"": KERNEL}
    ),
    ("captioner", "an adapter of another model"): _adapter,
    ("captioner", "shards that are pickles"): _shards,
    ("captioner", "weights elsewhere"): _set("config.json", transformers_weights="../outside.bin"),
    ("captioner", "quantization"): _set("config.json", quantization_config={"quant_method": "evil"}),
    ("captioner", "a class of another module"): _set(TOKENIZER, tokenizer_class="os.system"),
    ("captioner", "a class that is none of its kind"): _set(TOKENIZER, tokenizer_class="AutoModel"),
    ("language model", "own config"): _auto("config.json", "AutoConfig", "AutoModelForCausalLM"),
    ("language model", "pickled weights"): _pickle("pytorch_model.bin"),
    ("tokenizer", "own tokenizer"): _auto(TOKENIZER, "AutoTokenizer"),
    ("trained captioner", "own config"): _auto("config.json", "AutoConfig", "AutoModelForCausalLM"),
    ("trained captioner", "own tokenizer"): _auto(TOKENIZER, "AutoTokenizer"),
    ("classifier", "own config"): _auto("config.json", "AutoConfig", "AutoModelForImageClassification"),
    ("classifier", "a pickle for timm"): _checkpoint_of_timm("model_args"),
    ("classifier", "pickled weights"): _pickle("pytorch_model.bin"),
    ("shipped classifier", "own config"): _auto("config.json", "AutoConfig"),
    ("detector", "own config"): _auto("config.json", "AutoConfig", "AutoModelForObjectDetection"),
    ("detector", "a pickle for timm"): _checkpoint_of_timm("backbone_kwargs"),
    ("detector", "a backbone elsewhere"): _set("config.json", backbone="evil/backbone"),
    ("text encoder", "own config"): _auto("config.json", "AutoConfig", "AutoModelForSequenceClassification"),
    ("generator", "own scheduler"): _component("evil", "Evil", "scheduler/evil.py"),
    ("generator", "a part of any module"): _component("subprocess", "Popen"),
    ("generator", "a part of loopsim's"): _component("loopsim.core.processes", "Popen"),
    ("generator", "a class that is no part"): _component("diffusers", "DiffusionPipeline"),
    ("generator", "own pipeline"): _own_pipeline,
    ("generator", "own text encoder"): _auto("text_encoder/config.json", "AutoConfig", "AutoModel"),
    ("generator", "own tokenizer"): _auto(f"tokenizer/{TOKENIZER}", "AutoTokenizer"),
    ("generator", "pickled denoiser"): _pickle("unet/diffusion_pytorch_model.bin"),
    ("generator", "a part that is a link"): _linked_part,
    ("generator", "quantization"): _set("unet/config.json", quantization_config={"quant_method": "evil"}),
    ("single file", "own scheduler"): _component("evil", "Evil", "scheduler/evil.py"),
    ("trained generator", "an adapter's module"): _adapter_metadata,
    ("trained generator", "pickled adapters"): _pickle("pytorch_lora_weights.bin"),
    ("trained generator", "a program"): _file("evil.py"),
}


def hostile_model(
    kind: tuple[str, str], models: TinyModels, root: Path
) -> tuple[Callable[[], object], Path, Path]:
    """A hostile folder under `root`: what opens it, the folder, and the marker that its program makes."""
    base, opener = OPENERS[kind[0]]
    folder, payload = root / "model", Payload(root / "ran", root / "outside")
    shutil.copytree(base(models) if callable(base) else models[base], folder)
    HOSTILE[kind](folder, payload)
    return lambda: opener(folder, models), folder, payload.marker
