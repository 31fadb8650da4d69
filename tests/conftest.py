"""Fixtures: the expensive ones are made once a session."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch

from loopsim.config import Config
from loopsim.core.reproducibility import make_reproducible
from loopsim.models.base_weights import SHIPPED_WEIGHTS
from loopsim.models.library_messages import silence_libraries
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels
from tests.helpers.loops import small_config, start_run, tiny_config

hypothesis.settings.register_profile("loopsim", deadline=None)  # machines are noisy: no test is about time
hypothesis.settings.load_profile("loopsim")


@pytest.fixture(scope="session", autouse=True)
def _quiet_libraries() -> None:
    silence_libraries()
    make_reproducible(1)  # tests run on every core already


@pytest.fixture(scope="session")
def weights() -> Path:
    """The folder of the pocket world's pre-trained models."""
    return SHIPPED_WEIGHTS


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    """Tiny checkpoints of real classes, by name; who changes one, copies it."""
    return TinyModels(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def own_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 pictures with a table."""
    return corpora.folder(tmp_path_factory.mktemp("corpus") / "own", 24)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A finished loop of two generations of the pocket world, and its digest; who changes it, copies it."""
    directory = tmp_path_factory.mktemp("runs") / "clean"
    return directory, start_run(directory, small_config())


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, tiny_models: TinyModels) -> Config:
    """A loop on files in which every part is as small as it can be."""
    return tiny_config(tmp_path_factory.mktemp("tiny"), tiny_models)


@pytest.fixture(scope="session")
def clean(tiny: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The tiny loop, undisturbed, and its digest; who changes it, copies it."""
    directory = tmp_path_factory.mktemp("clean") / "run"
    return directory, start_run(directory, tiny)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute with one thread, as processes beside each other do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
