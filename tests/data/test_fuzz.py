"""Hostile files: whatever stands in them, `data check` and the first batches of training end with items,
counted rows or one LoopsimError; nothing else, and nothing outside their folder.

`LOOPSIM_FUZZ=10000` tries that many inputs per target; by default a few dozen.
"""

import os
import random
from pathlib import Path

import pytest

from loopsim.core.errors import LoopsimError
from tests.helpers.fuzzing import TARGETS, mutated

NUM_INPUTS = int(os.environ.get("LOOPSIM_FUZZ", "25"))


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_ends_in_a_traceback(name: str, tmp_path: Path) -> None:
    path, read = TARGETS[name](tmp_path)
    valid = path.read_bytes()
    read()  # the unchanged file is fine
    before, draw = set(tmp_path.rglob("*")), random.Random(name)
    said: list[str] = []
    for number in range(NUM_INPUTS):
        data = mutated(valid, draw)
        path.write_bytes(data)
        try:
            read()
        except LoopsimError as error:
            # A config's errors are a list.
            said.append(str(error).replace("\n", "") if name == "config" else str(error))
        except Exception as error:
            kept = Path(os.environ.get("LOOPSIM_FUZZ_KEEP", tmp_path)) / f"{name.replace(' ', '-')}-{number}"
            kept.write_bytes(data)
            raise AssertionError(
                f"input {number} of {name} ({kept}): {type(error).__name__}: {error}"
            ) from error
    assert set(tmp_path.rglob("*")) == before
    assert [text for text in said if not text or not text.isprintable()] == []  # one line each
    assert len(said) < NUM_INPUTS  # rows are skipped, not whole files given up
