"""What the configs in a model's folder may say: values, and names of classes that the libraries bring; never
code, nor where code is.

The keys are those by which open_clip, transformers, diffusers, timm and peft choose what they import, fetch
or unpickle. Each rule yields what is wrong, as "key: why"; a file that breaks none selects no code.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

# What imports, fetches or calls by name in one of the libraries; an empty or false value switches nothing on.
FORBIDDEN: Final = frozenset(
    "auto_map trust_remote_code use_remote_code code_revision custom_pipeline custom_pipelines "
    "custom_generate custom_objects allow_pickle quantization_config base_model_name_or_path auto_mapping "
    "megatron_config kernel_config use_kernels allow_all_kernels checkpoint_path transformers_weights "
    "pretrained_cfg_overlay bpe_path gguf_file "
    "_target_ _partial_ py/object py/type py/reduce".split()
)
ATTENTION: Final = ("eager", "sdpa")  # any other name may be a kernel's, which is fetched from a hub
CLASS: Final = re.compile(r"[A-Z]\w{0,99}")
TOKENIZER: Final = re.compile(r"[A-Z]\w{0,99}(Tokenizer|TokenizerFast|Backend)")
IMAGE_PROCESSOR: Final = re.compile(r"[A-Z]\w{0,99}(ImageProcessor|FeatureExtractor|Processor)\w{0,20}")
NETWORK: Final = re.compile(
    r"[A-Za-z0-9_][\w.-]{0,99}"
)  # a library's own: with / or : it is fetched or a path
PART: Final = re.compile(r"[a-z]\w{0,99}")

NAMES: Final[dict[str, re.Pattern[str]]] = {
    "_class_name": CLASS,
    "architectures": CLASS,
    "processor_class": CLASS,
    "tokenizer_class": TOKENIZER,
    "slow_tokenizer_class": TOKENIZER,
    "image_processor_type": IMAGE_PROCESSOR,
    "feature_extractor_type": IMAGE_PROCESSOR,
    "model_type": NETWORK,
    "architecture": NETWORK,
    "backbone": NETWORK,
    "timm_model_name": NETWORK,
}
TIMM_ARGUMENTS: Final = frozenset(
    "out_indices out_features features_only output_stride in_chans num_channels num_classes global_pool "
    "img_size dynamic_img_size drop_path_rate".split()
)

# The parts of the pipelines that loopsim fine-tunes, by the library that brings their classes.
POCKET_AUTOENCODERS: Final = (
    "loopsim.models.diffusion.patch_autoencoder",
    "loopsim.models.patch_autoencoder",  # where it lay when older pocket models were saved
)
PARTS: Final[dict[str, re.Pattern[str]]] = {
    "diffusers": re.compile(
        r"AutoencoderKL|AutoencoderTiny|UNet2DConditionModel|SD3Transformer2DModel|[A-Z]\w{0,99}Scheduler"
    ),
    "transformers": re.compile(
        r"CLIPTextModel|CLIPTextModelWithProjection|CLIPVisionModelWithProjection|T5EncoderModel|"
        r"CLIPTokenizer|CLIPTokenizerFast|T5Tokenizer|T5TokenizerFast|CLIPImageProcessor\w{0,20}|"
        r"CLIPFeatureExtractor|SiglipVisionModel|SiglipImageProcessor\w{0,20}"
    ),
    "stable_diffusion": re.compile("StableDiffusionSafetyChecker"),
    **{module: re.compile("PatchAutoencoder") for module in POCKET_AUTOENCODERS},
}

# open_clip_config.json: the fields of open_clip's own dataclasses.
_BLOCK = (
    "mlp_ratio ls_init_value final_ln_after_pool pool_type output_tokens act_kwargs norm_kwargs block_type "
    "qk_norm scaled_cosine_attn scale_heads scale_attn_inner scale_attn scale_fc layers width"
)
OPEN_CLIP: Final = frozenset(("model_cfg", "preprocess_cfg"))
MODEL_CFG: Final = frozenset(
    "embed_dim vision_cfg text_cfg multimodal_cfg custom_text quick_gelu init_logit_scale init_logit_bias "
    "nonscalar_logit_scale output_dict".split()
)
VISION_CFG: Final = frozenset(
    f"{_BLOCK} head_width patch_size image_size patch_dropout attentional_pool attn_pooler_queries "
    "attn_pooler_heads no_ln_pre pos_embed_type timm_model_name timm_model_pretrained timm_pool timm_proj "
    "timm_proj_bias timm_drop timm_drop_path".split()
)
TEXT_CFG: Final = frozenset(
    f"{_BLOCK} context_length vocab_size hf_tokenizer_name tokenizer_mode tokenizer_kwargs heads embed_cls "
    "pad_id eos_id no_causal_mask proj_bias proj_type hf_model_name hf_model_pretrained hf_proj_type "
    "hf_pooler_type".split()
)
MULTIMODAL_CFG: Final = TEXT_CFG | frozenset("dim_head n_queries attn_pooler_heads".split())
TOKENIZER_KWARGS: Final = frozenset(("clean", "strip_sep_token", "language"))
# The text towers that open_clip's own configs name; their configs pass the gate, too.
TEXT_TOWERS: Final = frozenset(
    "roberta-base xlm-roberta-base xlm-roberta-large google/mt5-base google/mt5-xl "
    "facebook/nllb-200-distilled-600M facebook/nllb-200-distilled-1.3B".split()
)
TOKENIZER_NAME: Final = re.compile(r"\.|[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")


def problems_of(file: str, content: Any) -> Iterator[str]:
    """Yield what is wrong with a config of that file name (the tree of its JSON), as "key: why"."""
    yield from _anywhere(content, "")
    if file in FILES:
        yield from FILES[file](content) if isinstance(content, dict) else ["no JSON object"]
    if ".bin.index" not in file:  # no loader of ours reads one
        yield from _shards(content)


def problems_of_metadata(metadata: Any) -> Iterator[str]:
    """Yield what is wrong with what a safetensors file says of itself: adapters keep their config there."""
    for key, text in metadata.items() if isinstance(metadata, dict) else ():
        if isinstance(text, str) and text.lstrip().startswith("{"):
            try:
                yield from _anywhere(json.loads(text), f"{key}.")
            except (ValueError, RecursionError):
                continue  # no JSON: nothing reads it as a config


def _anywhere(tree: Any, where: str) -> Iterator[str]:
    """Yield the problems of keys that mean the same in every file and at every depth."""
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if value in (None, False, "") or value == [] or value == {}:
            continue
        if key in FORBIDDEN:
            yield f"{where}{key}: it can select code, and a model's folder may not"
        elif key.endswith(("attn_implementation", "experts_implementation")):
            if any(name not in (*ATTENTION, None) for name in _leaves(value)):
                yield f"{where}{key} = {_short(value)}: may be {' or '.join(ATTENTION)}"
        elif key in NAMES:
            if not all(isinstance(name, str) and NAMES[key].fullmatch(name) for name in _names(value)):
                yield f"{where}{key} = {_short(value)}: not the plain name of a class or network"
        elif key in ("backbone_kwargs", "model_args"):
            yield from _only(value, TIMM_ARGUMENTS, f"{where}{key}.")
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, child in children:
        if isinstance(child, dict | list):
            yield from _anywhere(child, f"{where}{str(name)[:60]}.")


def _names(value: Any) -> list[Any]:
    return [name for name in value if name is not None] if isinstance(value, list) else [value]


def _leaves(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else [value]


def _short(value: Any) -> str:
    return json.dumps(value)[:80]


def _only(tree: Any, allowed: frozenset[str], where: str) -> Iterator[str]:
    if not isinstance(tree, dict):
        yield f"{where.removesuffix('.')}: no JSON object"
        return
    for key in tree:
        if key not in allowed:
            yield f"{where}{key[:60]}: not a key that loopsim knows there"


def _pipeline(index: dict[str, Any]) -> Iterator[str]:
    """model_index.json: every part is a known class of a known library."""
    if not isinstance(index.get("_class_name"), str):
        yield f"_class_name = {_short(index.get('_class_name'))}: not the name of a pipeline of diffusers"
    for part, value in index.items():
        if not isinstance(value, list | dict) or value == [None, None]:
            continue
        pair = value if isinstance(value, list) and len(value) == 2 else ["", ""]
        library, name = (word if isinstance(word, str) else "" for word in pair)
        known = PARTS.get(library)
        if not PART.fullmatch(part) or known is None or not known.fullmatch(name):
            yield f"{part[:60]} = {_short(value)}: not a part that loopsim knows"


def _open_clip(config: dict[str, Any]) -> Iterator[str]:
    """open_clip_config.json: the fields of open_clip's dataclasses, and no tokenizer but the folder's."""
    yield from _only(config, OPEN_CLIP, "")
    model = config.get("model_cfg", {})
    yield from _only(model, MODEL_CFG, "model_cfg.")
    model = model if isinstance(model, dict) else {}
    yield from _only(model.get("vision_cfg", {}), VISION_CFG, "model_cfg.vision_cfg.")
    for section, allowed in (("text_cfg", TEXT_CFG), ("multimodal_cfg", MULTIMODAL_CFG)):
        text, where = model.get(section, {}), f"model_cfg.{section}."
        yield from _only(text, allowed, where)
        if not isinstance(text, dict):
            continue
        yield from _only(text.get("tokenizer_kwargs") or {}, TOKENIZER_KWARGS, f"{where}tokenizer_kwargs.")
        tower, tokenizer = text.get("hf_model_name"), text.get("hf_tokenizer_name")
        if tower is not None and tower not in TEXT_TOWERS:
            yield f"{where}hf_model_name = {_short(tower)}: leads out of the folder"
        if tokenizer and not (isinstance(tokenizer, str) and TOKENIZER_NAME.fullmatch(tokenizer)):
            yield f"{where}hf_tokenizer_name = {_short(tokenizer)}: leads out of the folder"


def _adapter(_config: dict[str, Any]) -> Iterator[str]:
    yield "an adapter, which names its base model: merge it into the model first"


def _shards(content: Any) -> Iterator[str]:
    """An index of weights in several files: each is a safetensors file of the same folder."""
    shards = content.get("weight_map") if isinstance(content, dict) else None
    for name in set(map(str, shards.values())) if isinstance(shards, dict) else ():
        if "/" in name or "\\" in name or not name.endswith(".safetensors"):
            yield f"weight_map: {name[:80]!r} is no safetensors file of the folder"


FILES: Final[dict[str, Callable[[dict[str, Any]], Iterator[str]]]] = {
    "model_index.json": _pipeline,
    "open_clip_config.json": _open_clip,
    "adapter_config.json": _adapter,
}
