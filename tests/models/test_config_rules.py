"""The rules know open_clip's own fields, all of them, and let through what it publishes itself."""

from dataclasses import fields

import open_clip
import pytest
from open_clip.coca_model import MultimodalCfg
from open_clip.model import CLIPTextCfg, CLIPVisionCfg

from loopsim.models.config_rules import (
    MULTIMODAL_CFG,
    TEXT_CFG,
    VISION_CFG,
    problems_of,
    problems_of_metadata,
)


def test_the_allowed_keys_are_fields_of_open_clips_configs() -> None:
    for allowed, kind in (
        (VISION_CFG, CLIPVisionCfg),
        (TEXT_CFG, CLIPTextCfg),
        (MULTIMODAL_CFG, MultimodalCfg),
    ):
        assert allowed == {field.name for field in fields(kind)}


@pytest.mark.parametrize("name", open_clip.list_models())
def test_every_model_of_open_clip_could_be_saved_and_opened_again(name: str) -> None:
    config = {"model_cfg": open_clip.get_model_config(name), "preprocess_cfg": {"size": 224}}
    assert list(problems_of("open_clip_config.json", config)) == []


def test_what_switches_nothing_on_is_no_problem() -> None:
    config = {"auto_map": None, "trust_remote_code": False, "quantization_config": {}, "backbone": None}
    assert list(problems_of("config.json", config | {"_attn_implementation": "sdpa"})) == []


@pytest.mark.parametrize(
    ("file", "config", "problem"),
    [
        ("config.json", {"a": [{"auto_map": {"AutoModel": "x.Y"}}]}, "a.0.auto_map: it can select code"),
        (
            "config.json",
            {"_attn_implementation": "a/b"},
            '_attn_implementation = "a/b": may be eager or sdpa',
        ),
        (
            "config.json",
            {"backbone_kwargs": {"pretrained_cfg": 1}},
            "backbone_kwargs.pretrained_cfg: not a key",
        ),
        (
            "model_index.json",
            {"_class_name": "P", "unet": ["os", "system"]},
            'unet = ["os", "system"]: not a',
        ),
        ("model_index.json", {"_class_name": "P", "../x": ["diffusers", "AutoencoderKL"]}, "../x = "),
        ("model_index.json", {"_class_name": "P", "vae": {"a": 1}}, 'vae = {"a": 1}: not a part'),
        ("model_index.json", [], "no JSON object"),
        ("x.safetensors.index.fp16.json", {"weight_map": {"a": "../b.safetensors"}}, "weight_map: "),
    ],
)
def test_a_problem_names_its_key(file: str, config: object, problem: str) -> None:
    assert next(problems_of(file, config)).startswith(problem)


def test_adapters_metadata_is_a_config_too() -> None:
    sound = {
        "format": "pt",
        "lora_adapter_metadata": '{"megatron_core": "megatron.core", "megatron_config": null}',
    }
    assert list(problems_of_metadata(sound)) == []
    assert list(problems_of_metadata({"title": "{no JSON"})) == []
    assert list(problems_of_metadata({"lora_adapter_metadata": '{"megatron_config": {"a": 1}}'})) != []
