"""Jobs in processes of their own: all are done once, a process that dies is replaced, a signal stops them."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from loopsim.core.errors import ConfigError, Interrupted, LoopsimError
from loopsim.core.interrupt import Interrupt
from loopsim.studies.parallel import Job, run_jobs


def note(path: Path, interrupt: Interrupt) -> None:
    path.write_text(path.read_text() + "x" if path.exists() else "x")


def die_once(path: Path, interrupt: Interrupt) -> None:
    if not path.exists():
        path.write_text("died")
        os.kill(os.getpid(), signal.SIGKILL)


def die(interrupt: Interrupt) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(interrupt: Interrupt) -> None:
    raise ConfigError("key = 'x': no")


def wait(path: Path, interrupt: Interrupt) -> None:
    path.write_text("began")
    while True:
        interrupt.check()
        time.sleep(0.05)


@pytest.mark.slow
def test_every_job_is_done_once_and_a_dead_process_is_replaced(tmp_path: Path) -> None:
    jobs = [Job(f"note {i}", note, (tmp_path / str(i),)) for i in range(5)]
    done: list[str] = []
    with Interrupt() as interrupt:
        dying = Job("dies", die_once, (tmp_path / "died",))
        run_jobs([dying, *jobs], 2, interrupt, lambda job: done.append(job.name))
    assert sorted(done) == ["dies", *(f"note {i}" for i in range(5))]
    assert [(tmp_path / str(i)).read_text() for i in range(5)] == ["x"] * 5


@pytest.mark.slow
def test_what_fails_stops_the_others(tmp_path: Path) -> None:
    waiting = Job("waits", wait, (tmp_path / "waits",))
    with Interrupt() as interrupt:
        with pytest.raises(ConfigError, match="key = 'x': no"):
            run_jobs([waiting, Job("refuses", refuse, ())], 2, interrupt)
        with pytest.raises(LoopsimError, match="dies: its process died 3 times"):
            run_jobs([Job("dies", die, ())], 1, interrupt)


@pytest.mark.slow
def test_a_signal_stops_all_at_their_safe_points(tmp_path: Path) -> None:
    path = tmp_path / "waits"

    def signal_when_it_began() -> None:
        while not path.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=signal_when_it_began, daemon=True).start()
    with Interrupt() as interrupt, pytest.raises(Interrupted) as caught:
        run_jobs([Job("waits", wait, (path,))], 1, interrupt)
    assert caught.value.exit_code == 128 + signal.SIGTERM
