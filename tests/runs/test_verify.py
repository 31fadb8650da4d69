"""Any flipped byte is found, named and repaired."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopsim.config import Config, override_config
from loopsim.core.errors import CorruptRun
from loopsim.runs.verify import plan_repair, repair_run, verify_run
from loopsim.store import second_copy
from tests.helpers.damage import copy_of, flip_bit, flip_row, rewrite_dataset_row, row_names
from tests.helpers.loops import resume_run, start_run
from tests.helpers.rows import artifact_of


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choice=st.integers(0, 10**6), position=st.integers(0, 10**6))
def test_any_flipped_byte_of_a_row_is_found_and_repaired(
    clean: tuple[Path, str], tmp_path_factory, choice: int, position: int
) -> None:
    directory = copy_of(clean, tmp_path_factory.mktemp("flipped"))
    names = [name for name in row_names(directory) if not name.startswith("meta")]
    chosen = names[choice % len(names)]
    flip_row(directory, chosen, position)
    with pytest.raises(CorruptRun, match=r"row .*(damaged|schema)") as caught:
        verify_run(directory)
    assert chosen in str(caught.value)
    repair_run(directory)
    assert resume_run(directory) == clean[1]
    assert verify_run(directory).digest == clean[1]


def test_any_flipped_byte_of_an_artifact_is_found_named_and_repaired(
    clean: tuple[Path, str], tmp_path: Path
) -> None:
    directory = copy_of(clean, tmp_path)
    weights = artifact_of(directory, 1, "train_clip", "clip") / "open_clip_model.safetensors"
    flip_bit(weights, weights.stat().st_size // 3, 16)
    with pytest.raises(
        CorruptRun,
        match=r"generation 1, train_clip, clip: artifact .* is damaged: open_clip_model\.safetensors",
    ):
        verify_run(directory)
    planned = plan_repair(directory)
    assert planned.redo[0] == (1, "train_clip")
    assert (2, "commit") in planned.redo
    assert (1, "compose") not in planned.redo
    repair_run(directory)
    assert resume_run(directory) == clean[1]


def test_resume_finds_damage_in_what_it_is_about_to_use(
    tiny: Config, clean: tuple[Path, str], tmp_path: Path
) -> None:
    start_run(tmp_path / "run", override_config(tiny, ["generations=1"]))
    weights = next(artifact_of(tmp_path / "run", 0, "finetune", "generator").glob("*.safetensors"))
    flip_bit(weights, -1)
    with pytest.raises(CorruptRun, match=r"generation 0, finetune, generator.*loopsim repair run"):
        resume_run(tmp_path / "run", generations=2)
    repair_run(tmp_path / "run")
    assert resume_run(tmp_path / "run") == clean[1]


def test_a_damaged_config_comes_back_from_its_second_copy_only(
    clean: tuple[Path, str], tmp_path: Path
) -> None:
    directory = copy_of(clean, tmp_path)
    flip_row(directory, "meta/config", 40)
    copy = directory / second_copy.FILE
    kept = copy.read_bytes()
    copy.unlink()
    with pytest.raises(CorruptRun, match="cannot be repaired"):
        plan_repair(directory)
    copy.write_bytes(kept)
    assert repair_run(directory).redo == []
    assert verify_run(directory).digest == clean[1]


def test_verify_names_what_is_damaged(tmp_path: Path, finished_run) -> None:
    directory = copy_of(finished_run, tmp_path)
    assert verify_run(directory).digest == finished_run[1]
    weights = next((directory / "artifacts").glob("*/open_clip_model.safetensors"))
    flip_bit(weights, weights.stat().st_size // 2)
    with pytest.raises(CorruptRun, match=weights.parent.name):
        verify_run(directory)
    shutil.rmtree(directory)
    directory = copy_of(finished_run, tmp_path)
    rewrite_dataset_row(directory, 1, 0)  # a change with a valid checksum: only the seal can tell
    with pytest.raises(CorruptRun, match="generation 1 was changed after it was sealed"):
        verify_run(directory)
