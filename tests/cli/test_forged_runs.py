"""A forged run, checksums and all, meets every command: one message or an answer, nothing outside of it."""

import re
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.command_line import in_runs, loopsim_here
from tests.helpers.damage import copy_of
from tests.helpers.forgery import FORGERIES, forge

COMMANDS = {
    "verify": ["verify", "run"],
    "repair": ["repair", "run"],
    "gc": ["gc", "run", "--dry-run"],
    "runs": ["runs"],
    "report": ["report", "run"],
    "show": ["show", "run", "-g", "1", "-o"],
    "compare": ["compare", "run", "other"],
    "resume": ["resume", "run"],
    "fork": ["fork", "run", "--at", "1", "--name", "branch"],
}


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    """No command needs a gigabyte more than this process has: what asks for it fails."""
    used = int(re.search(r"VmData:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (used + (1 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)


@pytest.mark.hostile
@pytest.mark.slow
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_row_is_a_message_or_an_answer(
    clean: tuple[Path, str], tmp_path: Path, forgery: str
) -> None:
    place = tmp_path / "runs"
    directory = copy_of(clean, place)
    forge(directory, *FORGERIES[forgery])
    shutil.copytree(clean[0], place / "other")
    shutil.copytree(directory, tmp_path / "forged")
    outside = sorted(str(path) for path in tmp_path.glob("*"))
    for name, arguments in COMMANDS.items():
        shutil.rmtree(directory)
        shutil.copytree(tmp_path / "forged", directory)
        more = [str(place / "sheet.png")] if name == "show" else []
        done = loopsim_here(*arguments, *more, *in_runs(place))
        assert "Traceback" not in done.stderr, (name, done.stderr)
        for stream in (done.stdout, done.stderr):
            assert "\x1b]" not in stream
            assert "\x07" not in stream
        if done.returncode:
            assert done.stderr.startswith("loopsim:"), (name, done.stderr)
        shutil.rmtree(place / "branch", ignore_errors=True)
    assert sorted(str(path) for path in tmp_path.glob("*")) == outside
    assert loopsim_here("report", "other", *in_runs(place)).returncode == 0
