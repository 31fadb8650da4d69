"""What is expensive is opened once, and released when another model needs the room."""

from pathlib import Path

from loopsim.context.session import MAX_MODELS, Session
from loopsim.core.device import CPU, Device
from loopsim.runs.resolve import resolve
from tests.helpers.loops import small_config


def session(tmp_path: Path, device: Device = CPU) -> Session:
    config = resolve(small_config(), tmp_path)
    return Session(config.data, config.seed, device)


def test_two_readers_share_one_model_and_one_corpus(tmp_path: Path) -> None:
    opened = session(tmp_path)
    loads: list[str] = []

    def load() -> object:
        loads.append("clip")
        return object()

    assert opened.model("clip", load) is opened.model("clip", load)
    assert loads == ["clip"]
    assert opened.corpus is opened.corpus
    assert opened.remember("x", lambda: [1]) is opened.remember("x", lambda: [2])


def test_the_longest_unused_leaves_first(tmp_path: Path) -> None:
    opened = session(tmp_path)
    models = {i: opened.model(i, object) for i in range(MAX_MODELS)}
    assert opened.model(0, object) is models[0]
    opened.model("one more", object)
    assert opened.model(0, object) is models[0]
    assert opened.model(1, object) is not models[1]


def test_on_a_gpu_a_generator_has_the_room_to_itself(tmp_path: Path) -> None:
    opened = session(tmp_path, Device("cuda:0"))  # the bookkeeping only: nothing is put on a device here
    clip = opened.model("clip", object)
    generator = opened.model("generator", object, is_generator=True)
    assert opened.model("clip", object) is not clip
    assert opened.model("generator", object, is_generator=True) is not generator
