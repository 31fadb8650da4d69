"""A user's own measure: a module and an entry point of an installed package; and one that is broken."""

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import invalidate_caches
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from loopsim.context.context import PhaseContext
from loopsim.core.choices import Choices, Origin
from loopsim.core.errors import ConfigError
from loopsim.evaluation import measure
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import MEASURES, Measure, measure_all

CAPTION_LENGTH = '''
"""How long the captions are that a generation learns from."""

from collections.abc import Iterator

import numpy as np

from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import Measure, Measured
from loopsim.metrics.estimate import by_group, weighted_mean


def caption_length(e: Evaluation) -> Iterator[Measured]:
    """Mean number of words of the captions of D_g's pictures."""
    captions = [e.dataset.captions(position) for position in range(len(e.dataset))]
    words = np.array([np.mean([len(text.split()) for text in texts]) for texts in captions], np.float32)
    estimates = by_group(weighted_mean(words), {}, {}, len(words), e.weights_of(e.dataset))
    yield Measured("caption_length", estimates, words)


CAPTION_LENGTH = Measure("caption_length", "data", asks_model=False, body=caption_length)
'''

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package: its name, its module's text, and its entry points for measures."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []

    def installed(name: str, text: str, **points: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)
        info = tmp_path / f"{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = [f"{point} = {name}:{value}" for point, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[loopsim.metrics]", *lines, ""]))
        names.append(name)
        invalidate_caches()

    # What was installed is looked up once: these tests look anew.
    fresh = Choices[Measure](MEASURES.key, Measure, MEASURES.folder, MEASURES.group)
    monkeypatch.setattr(measure, "MEASURES", fresh)
    yield installed
    for name in names:
        sys.modules.pop(name, None)


CAPTIONS = (("a cook",), ("a tall judge", "a judge with a dog"), ("a pilot in a red plane",))


class Pictures:
    """D_0 as its captions: those of three pictures."""

    slots = np.arange(3)

    def __len__(self) -> int:
        return 3

    def captions(self, position: int) -> Sequence[str]:
        return CAPTIONS[position]

    def select(self, positions: np.ndarray) -> "Pictures":
        assert positions.tolist() == [0, 1, 2]
        return self


def evaluation() -> Evaluation:
    """An evaluation that needs no model."""
    config = SimpleNamespace(
        seed=0,
        data=SimpleNamespace(counts=lambda: {"train": 3}),
        evaluate=SimpleNamespace(max_pictures=10, num_resamples=50),
    )
    context = SimpleNamespace(config=config, generation=0, training_set=Pictures)
    return Evaluation(cast(PhaseContext, context), lambda prompts: iter(()))


def test_an_installed_package_adds_a_measure(install: Install) -> None:
    install("lengths", CAPTION_LENGTH, caption_length="CAPTION_LENGTH")
    choices = measure.MEASURES
    assert choices.get("caption_length").section == "data"
    assert "caption_length" in choices.names
    assert "caption_length" not in measure.default_measures()
    assert choices.origins(["caption_length", "recall"]) == {"caption_length": Origin("lengths", "1.2")}
    (found,) = measure_all(evaluation(), ["caption_length"])
    assert (found.metric, found.section, found.has_model, found.baseline) == (
        "caption_length",
        "data",
        False,
        0,
    )
    assert found.estimates.overall.value == pytest.approx((2 + (3 + 5) / 2 + 6) / 3)
    assert found.items.tolist() == [2, 4, 6]


def test_a_package_that_cannot_be_imported_is_named_and_stops_only_who_asks_for_it(install: Install) -> None:
    install("broken", "import a_module_that_is_not_there", from_mars="FROM_MARS")
    choices = measure.MEASURES
    choices.require(measure.default_measures())
    assert choices.get("recall").name == "recall"
    with pytest.raises(ConfigError, match=r"'from_mars' comes from the package broken 1\.2, which cannot be"):
        choices.get("from_mars")
    (problem,) = choices.broken()
    assert "a_module_that_is_not_there" in problem


@pytest.mark.parametrize("value", ["NUMBER", "body"])
def test_what_is_no_measure_is_refused(install: Install, value: str) -> None:
    install("wrong", "NUMBER = 3\ndef body(e):\n    yield from ()\n", numbers=value)
    with pytest.raises(
        ConfigError, match=r"the package wrong 1\.2 gives a (int|function) where a Measure is"
    ):
        measure.MEASURES.get("numbers")


def test_a_package_cannot_replace_a_measure_of_loopsims_own(install: Install) -> None:
    install("lengths", CAPTION_LENGTH, recall="CAPTION_LENGTH")
    assert measure.MEASURES.get("recall") is MEASURES.get("recall")


def test_two_measures_that_give_one_metric_do_not_overwrite_each_other(install: Install) -> None:
    install("lengths", CAPTION_LENGTH, caption_length="CAPTION_LENGTH", words="CAPTION_LENGTH")
    with pytest.raises(
        ConfigError, match="'caption_length' and 'words' both give the metric 'caption_length'"
    ):
        measure_all(evaluation(), ["caption_length", "words"])
    assert len(measure_all(evaluation(), ["words", "words"])) == 1
