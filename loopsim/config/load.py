"""Reading a configuration: presets, TOML files, overrides, and errors that name the key and the way out."""

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from loopsim.config.base import Section
from loopsim.config.loop import Config
from loopsim.config.shipped import shipped_configs
from loopsim.core.errors import ConfigError

S = TypeVar("S", bound=Section)

# What each preset changes of the defaults.
PRESETS: dict[str, dict[str, Any]] = {
    "pocket": {},
    "tiny": {
        "generations": 2,
        "data": {"num_train": 200, "num_retrieval": 200, "num_faces": 200},
        "clip": {"num_steps": 8, "batch_size": 64},
        "captioner": {"num_steps": 8, "batch_size": 64},
        "evaluate": {"num_audit_images": 2, "num_resamples": 200},
        "finetune": {"num_steps": 6},
        "generate": {"num_steps": 6, "batch_size": 32},
    },
}


def load_config(source: str, overrides: Iterable[str] = ()) -> Config:
    """Return the config of a preset's name or a TOML file, changed by `key=value` overrides
    (`finetune.num_steps=200`; values as in TOML).

    Raises ConfigError naming the file and the key, with the nearest known key or the allowed values.
    """
    if source in PRESETS:
        tree = cast(dict[str, Any], _copied(PRESETS[source]))
    else:
        tree = _read_toml(source)
        if "arms" in tree:
            raise ConfigError(f"{source} is a study of many loops: loopsim study interventions {source}")
    for override in overrides:
        _override(tree, override)
    return config_from_tree(tree, source)


def config_from_tree(tree: Mapping[str, Any], source: str) -> Config:
    """Return the validated config of a nested mapping; `source` names it in errors."""
    return parse_section(Config, tree, source)


def parse_section(model: type[S], tree: Mapping[str, Any], source: str = "", key: str = "") -> S:
    """Return the validated section of a nested mapping; `source` (a file) and `key` (the section's own) say
    in errors where it stands.

    Raises ConfigError naming each wrong key, with the section's nearest known key or the allowed values.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        known = known_keys(model, f"{key}." if key else "")
        where = f"{source}: " if source else ""
        wrong = [dict(item) for item in error.errors(include_url=False)]
        # Of a value that may be one or several, whoever wrote one is not told of several.
        one = [item for item in wrong if item["type"] != "tuple_type"] or wrong
        raise ConfigError("\n".join(where + _explain(key, known, item) for item in one)) from error


def override_config(config: Config, overrides: Iterable[str]) -> Config:
    """Return a config changed by `key=value` overrides. Raises ConfigError as `load_config` does."""
    tree = config.model_dump(mode="json")
    for override in overrides:
        _override(tree, override)
    return config_from_tree(tree, "--set")


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """Return a config with other values: sections as mappings, single keys also dotted (`{"clip.num_steps":
    7}`).

    Raises ConfigError as `load_config` does.
    """
    tree = config.model_dump(mode="json")
    for key, value in values.items():
        _put(tree, Config, key.split("."), value)
    return config_from_tree(tree, "overrides")


def _put(tree: dict[str, Any], model: type[Section] | None, path: list[str], value: Any) -> None:
    """Set a value; a mapping goes into a section key by key, and replaces any other value whole."""
    first, *rest = path
    field = model.model_fields.get(first) if model is not None else None
    inner = field.annotation if field is not None else None
    section = inner if isinstance(inner, type) and issubclass(inner, Section) else None
    if rest:
        part = tree.setdefault(first, {})
        if not isinstance(part, dict):
            raise ConfigError(f"overrides: {first} is a value, not a section")
        _put(part, section, rest, value)
    elif section is not None and isinstance(value, Mapping):
        for key, one in value.items():
            _put(tree.setdefault(first, {}), section, [key], one)
    else:
        tree[first] = value


def _copied(tree: Any) -> Any:
    return {key: _copied(value) for key, value in tree.items()} if isinstance(tree, dict) else tree


def _read_toml(source: str) -> dict[str, Any]:
    path = Path(source)
    if not os.path.isfile(path):
        if source in shipped_configs():
            raise ConfigError(f"{source}: no such config file; write it first: loopsim init {source}")
        near = difflib.get_close_matches(source, PRESETS, 1)
        hint = f"; did you mean the preset {near[0]!r}?" if near else f"; presets: {', '.join(PRESETS)}"
        raise ConfigError(f"{source}: no such config file{hint}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors of Windows begin with a BOM
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def parse_value(text: str) -> Any:
    """Return a value as TOML writes it; a bare word is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def as_toml(value: Any) -> str:
    """Return a value as TOML writes it on one line, so that `parse_value` gives it back; None has no form
    there, and keys whose value it is are left out.
    """
    match value:
        case bool():
            return str(value).lower()
        case str():
            # What JSON escapes TOML escapes alike, and DEL, too.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case int() | float():
            return repr(value)
        case Mapping():
            pairs = (f"{as_toml(str(k))} = {as_toml(v)}" for k, v in value.items() if v is not None)
            return "{" + ", ".join(pairs) + "}"
        case _:
            return "[" + ", ".join(as_toml(one) for one in value) + "]"


def read_toml(model: type[S], source: str) -> S:
    """Return the section that a TOML file holds. Raises ConfigError as `load_config` does."""
    return parse_section(model, _read_toml(source), source)


def _override(tree: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(
            f"--set {override}: write it as key=value, for example --set finetune.num_steps=200"
        )
    value = parse_value(text)
    *sections, leaf = key.strip().split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"--set {override}: {section} is a value, not a section")
    tree[leaf] = value


def known_keys(model: type[Section] = Config, prefix: str = "") -> list[str]:
    """Return every key of a section and its sub-sections, dotted."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, Section):
            keys += known_keys(nested, f"{prefix}{name}.")
        keys.append(prefix + name)
    return keys


def _explain(section: str, known: Iterable[str], error: dict[str, Any]) -> str:
    parts = [
        str(part)
        for part in error["loc"]
        if part != "[key]" and not str(part).startswith(("constrained", "tuple", "float", "literal"))
    ]
    key = ".".join([section, *parts] if section else parts)
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, known, 1, cutoff=0.5)
        return f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    if error["type"] == "missing":
        return f"{key} is missing"
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error" and isinstance(error["input"], (dict, Section)):
        return f"{key + ': ' if key else ''}{reason}"
    message = f"{key} = {error['input']!r}: {reason[:1].lower()}{reason[1:]}"
    expected = str((error.get("ctx") or {}).get("expected", ""))
    words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")] if expected else []
    near = difflib.get_close_matches(str(error["input"]), words, 1)
    return message + (f"; did you mean {near[0]!r}?" if near else "")
