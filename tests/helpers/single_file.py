"""A tiny Stable Diffusion as one file in its original layout, as older checkpoints are published."""

from pathlib import Path

from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file


def _resnet(rest: str) -> str:
    for ours, theirs in (("norm1", "in_layers.0"), ("conv1", "in_layers.2"),
                         ("time_emb_proj", "emb_layers.1"), ("norm2", "out_layers.0"),
                         ("conv2", "out_layers.3"), ("conv_shortcut", "skip_connection")):  # fmt: skip
        rest = rest.replace(ours, theirs)
    return rest


def _original_unet_name(name: str, per_block: int = 2) -> str:
    """A denoiser's key in Stable Diffusion's original layout, for blocks of `per_block` entries."""
    fixed = {"conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
             "time_embedding.linear_1": "time_embed.0",
             "time_embedding.linear_2": "time_embed.2"}  # fmt: skip
    for ours, theirs in fixed.items():
        if name.startswith(ours + "."):
            return theirs + name.removeprefix(ours)
    side, block, kind, index, *rest = name.split(".")
    tail = ".".join(rest)
    if side == "mid_block":
        kind, index, tail = block, kind, ".".join([index, *rest])
        return (
            f"middle_block.{2 * int(index)}.{_resnet(tail)}"
            if kind == "resnets"
            else f"middle_block.1.{tail}"
        )
    start = int(block) * per_block + (1 if side == "down_blocks" else 0)
    where = "input_blocks" if side == "down_blocks" else "output_blocks"
    match kind:
        case "resnets":
            return f"{where}.{start + int(index)}.0.{_resnet(tail)}"
        case "attentions":
            return f"{where}.{start + int(index)}.1.{tail}"
        case "downsamplers":
            return f"{where}.{start + per_block - 1}.0.{tail.replace('conv', 'op')}"
        case _:  # the upsampler follows the attention, where the block has one
            return f"{where}.{start + per_block - 1}.{2 if block == '0' else 1}.{tail}"


def _original_vae_name(name: str, num_blocks: int = 2) -> str:
    name = (
        name.replace("conv_norm_out", "norm_out")
        .replace("conv_shortcut", "nin_shortcut")
        .replace("mid_block.attentions.0", "mid.attn_1")
    )
    name = name.replace("mid_block.resnets.0", "mid.block_1").replace("mid_block.resnets.1", "mid.block_2")
    for ours, theirs in (
        ("group_norm", "norm"),
        ("to_q", "q"),
        ("to_k", "k"),
        ("to_v", "v"),
        ("to_out.0", "proj_out"),
    ):
        name = name.replace(ours, theirs) if "attn_1" in name else name
    for i in range(num_blocks):
        name = name.replace(f"down_blocks.{i}.resnets", f"down.{i}.block").replace(
            f"down_blocks.{i}.downsamplers.0", f"down.{i}.downsample"
        )
        up = num_blocks - 1 - i
        name = name.replace(f"up_blocks.{i}.resnets", f"up.{up}.block").replace(
            f"up_blocks.{i}.upsamplers.0", f"up.{up}.upsample"
        )
    return name


def single_file(folder: Path, path: Path) -> Path:
    """The tiny SD 1.x of `stable_diffusion(folder)` as one file in Stable Diffusion's original layout."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    state = {
        f"model.diffusion_model.{_original_unet_name(name)}": tensor
        for name, tensor in pipeline.unet.state_dict().items()
    }
    for name, tensor in pipeline.vae.state_dict().items():
        original = _original_vae_name(name)
        is_matrix = "attn_1" in original and tensor.ndim == 2
        state[f"first_stage_model.{original}"] = tensor[:, :, None, None] if is_matrix else tensor
    for name, tensor in pipeline.text_encoder.state_dict().items():
        state[f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}"] = tensor
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path
