"""A signal saves and stops; a second one stops at once."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.command_line import in_runs, start_loopsim
from tests.helpers.loops import small_arguments, wait_for_phases
from tests.helpers.rows import num_checkpoints


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_before_preemption_saves_and_stops(tmp_path: Path, number: signal.Signals) -> None:
    arguments = [
        *small_arguments("generations=1", "clip.num_steps=4000"),
        *("--name", "run"),
        *in_runs(tmp_path),
    ]
    process = start_loopsim("start", *arguments)
    wait_for_phases(tmp_path / "run", 1)
    time.sleep(2)
    process.send_signal(number)
    start = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert time.monotonic() - start < 30
    assert "loopsim resume run" in err
    assert num_checkpoints(tmp_path / "run") == 1


def test_a_second_ctrl_c_stops_at_once() -> None:
    code = (
        "import os, signal, time\nfrom loopsim.core.interrupt import Interrupt\nwith Interrupt():\n    "
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    code += (
        "    print('once', flush=True)\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(5)\n    "
        "print('never')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (130, "once\n")
    first, *_, last = done.stderr.splitlines()
    assert "stopping where all is saved" in first, "heard at once, however long the work under way takes"
    assert "resume" in last
