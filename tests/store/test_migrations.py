"""Stores of older versions are read for ever, those of newer ones refused."""

import json
import shutil
from pathlib import Path

import pytest

from loopsim.core.errors import CorruptRun
from loopsim.report.summary import summarize
from loopsim.runs.catalog import run_state
from tests.helpers.damage import copy_of, set_schema_version
from tests.helpers.loops import resume_run
from tests.helpers.rows import digest_on_disk

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_a_store_from_the_future_is_refused(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    set_schema_version(directory, 99)
    with pytest.raises(CorruptRun, match=r"schema version 99"):
        resume_run(directory)


def test_todays_store_is_read_for_ever(tmp_path: Path) -> None:
    """The fixture was written by schema version 2 (an oracle loop of one generation); every later version
    must read it, or migrate it.
    """
    shutil.copytree(FIXTURES / "store-v2", tmp_path / "store-v2")
    expected = json.loads((FIXTURES / "store-v2.json").read_text())
    assert run_state(tmp_path / "store-v2").finished
    assert digest_on_disk(tmp_path / "store-v2") == expected["digest"]
    found = {
        f"{row.metric} {row.group} {row.generation}": row.value
        for row in summarize(tmp_path / "store-v2").metrics
    }
    assert found == pytest.approx(expected["metrics"])
