"""What a model that is not the pocket one is drawn and labelled with, where nobody says."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from loopsim.config import load_config
from loopsim.core.errors import ConfigError, DataError
from loopsim.data.corpus import US_WOMEN
from loopsim.models.base_weights import SHIPPED_WEIGHTS
from loopsim.models.diffusion.customary import customary
from loopsim.studies.audit_source import asked_professions, of_model, of_run
from tests.helpers.checkpoints import SIZE, TinyModels
from tests.helpers.hub import fetched

FEW = ["generate.batch_size=2"]


def labelled_by(vit: Path) -> list[str]:
    """Overrides for a zero-shot classifier with a CLIP of our own."""
    return ["classifier.kind=zero_shot", f'encoder.model="local-dir:{vit}"']


@pytest.mark.parametrize(
    ("family", "steps", "guidance"), [("sd", 50, 7.5), ("sdxl", 50, 5.0), ("sd3", 28, 7.0)]
)
def test_each_family_has_diffusers_own_values(
    tiny_models: TinyModels, family: str, steps: int, guidance: float
) -> None:
    found = customary(tiny_models[family])
    assert (found.num_steps, found.guidance, found.image_size) == (steps, guidance, SIZE)


def test_a_folder_is_drawn_as_is_customary_unless_something_is_said(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    folder, ruler = str(tiny_models["sd"]), labelled_by(tiny_models["vit"])
    found = of_model(folder, load_config("pocket", [*ruler, *FEW]), tmp_path)
    drawn = found.config.generate
    assert (drawn.num_steps, drawn.guidance, found.config.data.image_size) == (50, 7.5, SIZE)
    assert found.pipelines_own == ("num_steps", "guidance", "image_size")
    assert found.config.evaluate.professions == US_WOMEN  # the pocket world's are of its own people
    said = of_model(folder, load_config("pocket", [*ruler, *FEW, "generate.num_steps=3"]), tmp_path)
    assert (said.config.generate.num_steps, said.config.generate.guidance) == (3, 7.5)
    assert said.pipelines_own == ("guidance", "image_size")


def test_the_pocket_model_keeps_its_own(tmp_path: Path) -> None:
    found = of_model(str(SHIPPED_WEIGHTS / "generator"), load_config("pocket"), tmp_path)
    assert (found.config.generate.num_steps, found.pipelines_own) == (10, ())
    assert asked_professions(load_config("pocket"), str(SHIPPED_WEIGHTS / "generator")) != US_WOMEN


@pytest.mark.parametrize("ruler", [[], ["classifier.kind=zero_shot"]])
def test_the_pocket_worlds_rulers_do_not_label_photographs(
    tiny_models: TinyModels, tmp_path: Path, ruler: list[str]
) -> None:
    with pytest.raises(ConfigError, match=r"pocket world only.*--set classifier\.kind=zero_shot"):
        of_model(str(tiny_models["sd"]), load_config("pocket", ruler), tmp_path)


def test_how_many_go_at_a_time_is_tried_at_the_models_own_size(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loopsim.studies import audit_source

    asked: list[tuple[int, float]] = []

    def batch(config, weights, device) -> int:
        asked.append((config.data.image_size, config.generate.guidance))
        return 7

    monkeypatch.setattr(audit_source, "drawing_batch", batch)
    found = of_model(str(tiny_models["sd"]), load_config("pocket", labelled_by(tiny_models["vit"])), tmp_path)
    assert (found.config.generate.batch_size, asked) == (7, [(SIZE, 7.5)])


def test_a_model_of_the_hub_reaches_the_loader(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    config = load_config("pocket", [*labelled_by(tiny_models["vit"]), *FEW])
    with pytest.raises(
        DataError, match=r"owner/sd: no such folder, and the hub's owner/sd cannot be fetched"
    ) as e:
        of_model("owner/sd", config, tmp_path)
    assert "\n" not in str(e.value)
    fetched(tmp_path / "hub", "owner/sd", tiny_models["sd"])
    found = of_model("owner/sd", config, tmp_path)
    assert (found.config.generator.checkpoint, found.config.generator.family) == ("owner/sd", "sd")
    assert found.config.generate.num_steps == 50


def test_a_runs_generator_is_drawn_otherwise_if_asked(finished_run: tuple[Path, str]) -> None:
    directory, _ = finished_run
    found = of_run(directory, 1, ["generate.num_steps=3"])
    assert found.config.generate.num_steps == 3
    assert "generate.num_steps=3" in found.title
    with pytest.raises(ConfigError, match="the run's own generator"):
        of_run(directory, 1, ["generator.checkpoint=elsewhere"])
    with pytest.raises(ConfigError, match=r"generate\.batch_size"):
        of_run(directory, 1, ["generate.batch_size=auto"])
    with pytest.raises(ConfigError, match="num_stepz"):
        of_run(directory, 1, ["generate.num_stepz=3"])
