"""Hostile files: whatever a reader is given, it ends with items, counted rows or one LoopsimError; nothing
else, and nothing outside its folder.

`LOOPSIM_FUZZ=10000` tries that many inputs per reader; by default a few hundred.
"""

import os
import random
from pathlib import Path

import pytest

from loopsim.core.errors import LoopsimError
from tests.helpers.fuzzing import TARGETS, mutated

NUM_INPUTS = int(os.environ.get("LOOPSIM_FUZZ", "300"))


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_ends_in_a_traceback(name: str, tmp_path: Path) -> None:
    path, read = TARGETS[name](tmp_path)
    valid, before = path.read_bytes(), set(tmp_path.rglob("*"))
    read()  # the unchanged file is fine
    draw, refused = random.Random(name), 0
    for number in range(NUM_INPUTS):
        data = mutated(valid, draw)
        path.write_bytes(data)
        try:
            read()
        except LoopsimError as error:
            refused += str(error) != ""
        except Exception as error:
            kept = Path(os.environ.get("LOOPSIM_FUZZ_KEEP", tmp_path)) / f"{name.replace(' ', '-')}-{number}"
            kept.write_bytes(data)
            raise AssertionError(
                f"input {number} of {name} ({kept}): {type(error).__name__}: {error}"
            ) from error
    assert set(tmp_path.rglob("*")) == before
    assert refused < NUM_INPUTS  # rows are skipped, not whole files given up
