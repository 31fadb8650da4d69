"""Nothing that comes with a model runs: hostile folders are refused by every loader, sound ones pass."""

import pickle
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import open_clip
import pytest
import transformers.dynamic_module_utils

from loopsim.core.errors import ConfigError, DataError
from loopsim.models.clip import load_clip
from loopsim.models.gate import check_model_folder, read_json, require_safetensors
from tests.helpers.checkpoints import MAKERS, TinyModels
from tests.helpers.hostile_models import HOSTILE, OPENERS, Payload, hostile_model


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody answers a question, and nothing hangs."""

    def give_up(*_: object) -> None:
        raise AssertionError("opening the folder hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(120)
    with open("/dev/null") as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.hostile
@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize("kind", HOSTILE, ids=": ".join)
def test_a_hostile_folder_is_refused_in_one_line_and_runs_nothing(
    kind: tuple[str, str], tiny_models: TinyModels, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    opened, folder, marker = hostile_model(kind, tiny_models, tmp_path)
    with pytest.raises((DataError, ConfigError)) as refused:
        opened()
    assert not marker.exists()
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    assert str(folder) in message
    assert "custom code" not in "".join(capfd.readouterr())


@pytest.mark.hostile
@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize("kind", HOSTILE, ids=": ".join)
def test_the_gate_alone_refuses_it(kind: tuple[str, str], tiny_models: TinyModels, tmp_path: Path) -> None:
    _, folder, marker = hostile_model(kind, tiny_models, tmp_path)
    with pytest.raises(DataError):
        check_model_folder(folder)
    assert not marker.exists()


@pytest.mark.hostile
def test_the_programs_would_run(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the gate: else the tests above would show nothing."""
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    _, folder, marker = hostile_model(("clip", "trust in its tokenizer"), tiny_models, tmp_path)
    with suppress(AttributeError):  # its class is no tokenizer; that is known after it has run
        open_clip.get_tokenizer(f"local-dir:{folder}")
    assert marker.exists()
    pickled = Payload(tmp_path / "pickled", tmp_path)
    pickle.loads(pickled.pickled)
    assert pickled.marker.exists()


@pytest.mark.parametrize("name", MAKERS)
def test_sound_models_pass(name: str, tiny_models: TinyModels) -> None:
    check_model_folder(tiny_models[name])


@pytest.mark.parametrize("kind", OPENERS)
def test_what_is_spoilt_was_sound_before(kind: str, tiny_models: TinyModels, tmp_path: Path) -> None:
    base, _ = OPENERS[kind]
    check_model_folder(base(tiny_models) if callable(base) else tiny_models[base])


def test_the_shipped_models_pass(weights: Path) -> None:
    for part in ("generator", "clip", "captioner", "classifier"):
        check_model_folder(weights / part)


def test_links_may_lead_inside_and_to_a_caches_blobs(tiny_models: TinyModels, tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "models--a--b/snapshots" / ("0" * 40), tmp_path / "models--a--b/blobs"
    shutil.copytree(tiny_models["vit"], snapshot)
    blobs.mkdir()
    for number, file in enumerate(sorted(snapshot.iterdir())):
        file.rename(blobs / str(number))
        file.symlink_to(Path("../../blobs") / str(number))
    check_model_folder(snapshot)
    load_clip(snapshot)
    (tmp_path / "link").symlink_to(snapshot)
    check_model_folder(tmp_path / "link")
    (tmp_path / "secret.json").write_text("{}")
    (snapshot / "more.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(DataError, match=r"more\.json: a link out of the model's folder"):
        check_model_folder(snapshot)
    (snapshot / "more.json").unlink()
    blobs.rename(tmp_path / "elsewhere")
    blobs.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="a link out of the model's folder"):
        check_model_folder(snapshot)


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "a.json")
    with pytest.raises(DataError, match=r"a\.json: leads to nothing"):
        check_model_folder(tmp_path)


def test_pickles_beside_safetensors_are_left_alone(tiny_models: TinyModels, tmp_path: Path) -> None:
    shutil.copytree(tiny_models["vit"], tmp_path / "vit")
    (tmp_path / "vit/training_args.bin").write_bytes(b"\x80\x04")
    (tmp_path / "vit/a.pt").write_bytes(b"\x80\x04")
    (tmp_path / "vit/.git").mkdir()
    (tmp_path / "vit/.git/hook.py").write_text("")
    load_clip(tmp_path / "vit")


def test_only_safetensors_are_weights(tmp_path: Path) -> None:
    for name, problem in (
        ("a.ckpt", "is a pickle"),
        ("a.npz", "opens no other"),
        ("none.safetensors", "opens"),
    ):
        if "none" not in name:
            (tmp_path / name).write_bytes(b"\x80\x04")
        with pytest.raises(DataError, match=problem):
            require_safetensors(tmp_path / name)


def test_a_config_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(DataError, match=r"a\.json is no JSON"):
        read_json(tmp_path / "a.json")
    with pytest.raises(DataError, match="no such file"):
        read_json(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        check_model_folder(tmp_path / "missing")
