"""Fine-tuning a Stable Diffusion: what is trained of it, and how that is saved and loaded."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from peft import LoraConfig, set_peft_model_state_dict

from loopsim.core.errors import ConfigError, DataError
from loopsim.models.diffusion.adapters import adapter_of, merge_adapter
from loopsim.models.diffusion.stable_diffusion import Diffusion
from loopsim.models.gate import check_model_folder
from loopsim.models.load_errors import LOAD_ERRORS, first_line
from loopsim.models.whole import load_whole

# Attention, feed-forward and convolutions: in a denoiser as small as the pocket one, attention alone is too
# little to learn with.
POCKET_LORA_TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "conv1", "conv2")


def make_trainable(
    model: Diffusion,
    method: Literal["lora", "full"],
    rank: int,
    previous: Path | None,
    targets: Sequence[str] | None = None,
) -> None:
    """Free what `method` trains: new LoRA adapters (torch's global generator draws them) or the whole
    denoiser; all else stays frozen.

    `previous` is a folder of `save_finetuned`: training goes on from there. Trained weights are float32; a
    frozen denoiser under adapters is in the device's training arithmetic. Raises ConfigError if no layer has
    one of the `targets`' names.
    """
    if method == "full":
        if previous is not None:
            load_finetuned(model, previous)
        model.denoiser.requires_grad_(True)
        return
    denoiser = model.denoiser.to(model.device.train_dtype)
    names = list(targets or (POCKET_LORA_TARGETS if model.is_pocket else model.family.lora_targets))
    try:
        denoiser.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=names))
    except ValueError as error:
        raise ConfigError(f"finetune.lora_targets = {names}: {first_line(error)}") from error
    for parameter in denoiser.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if previous is not None:
        check_model_folder(previous)
        found = model.family.pipeline.lora_state_dict(previous, use_safetensors=True)
        state = found[0] if isinstance(found, tuple) else found
        prefix = f"{model.family.denoiser}."
        outcome = set_peft_model_state_dict(
            denoiser, {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        )
        assert not outcome.unexpected_keys, outcome.unexpected_keys


def save_finetuned(model: Diffusion, method: Literal["lora", "full"], folder: Path) -> None:
    """Write LoRA weights as `load_lora_weights` reads them, or the whole pipeline as `from_pretrained` does.

    The parts that were not trained are copies of the base's files.
    """
    if method == "lora":
        adapter_of(model).save(folder)
        return
    if model.folder is None:
        model.pipeline.save_pretrained(folder, safe_serialization=True)
    else:
        model.denoiser.save_pretrained(folder / model.family.denoiser)
        for path in sorted(
            p
            for p in model.folder.rglob("*")
            if p.is_file() and p.relative_to(model.folder).parts[0] != model.family.denoiser
        ):
            copy = folder / path.relative_to(model.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    for path in (folder / "model_index.json", *folder.glob("*/config.json")):
        _forget_origin(path)


def load_finetuned(model: Diffusion, folder: Path) -> None:
    """Give a base pipeline the weights of `save_finetuned`; LoRA adapters are merged into the denoiser.

    Raises DataError for a folder that holds more than weights and configs, or other weights.
    """
    check_model_folder(folder)
    part = model.family.denoiser
    try:
        if (folder / part).is_dir():
            denoiser = load_whole(type(model.denoiser), folder / part)
            setattr(model.pipeline, part, model.device.place(denoiser.eval().requires_grad_(False)))
        else:
            merge_adapter(model, folder)
    except LOAD_ERRORS as error:
        raise DataError(f"fine-tuned weights {folder} cannot be loaded: {first_line(error)}") from error


def _forget_origin(config_file: Path) -> None:
    """Drop the path that a model was loaded from out of its saved config: equal models are to be equal
    files.
    """
    config = json.loads(config_file.read_text())
    if config.pop("_name_or_path", None) is not None:
        config_file.write_text(json.dumps(config, indent=2, sort_keys=True))
