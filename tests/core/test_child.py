"""A program that we start answers in time or is told of, and never outlives us."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loopsim.core.child import Child, ChildFailed

ECHO = "while read line; do echo got $line; done"


def unheard() -> None:
    pass


def shell(script: str, patience: float = 60, check=unheard) -> Child:
    return Child(["sh", "-c", script], Path.cwd(), patience, check)


def is_gone(pid: int) -> bool:
    """Whether a process ends within ten seconds; one that waits to be reaped has ended."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


def test_it_answers_line_by_line_and_takes_more_than_a_pipe_holds() -> None:
    with shell(ECHO) as child:
        assert child.ask("one") == ["got one"]
        assert child.ask("x" * 300_000) == [f"got {'x' * 300_000}"]
        assert child.ask("a\nb", 2) == ["got a", "got b"]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("read line; echo 'out of memory' >&2; exit 3", "sh ended with code 3: out of memory"),
        ("exec sleep 1000", "sh gave no answer for 1 seconds"),
        ("kill -9 $$", "sh ended with code -9"),
    ],
)
def test_one_that_dies_or_hangs_is_told_of_and_gone(script: str, told: str) -> None:
    with pytest.raises(ChildFailed, match=told), shell(script, patience=1) as child:
        child.ask("hello")
    assert is_gone(child._process.pid)


def test_a_missing_program_is_told_of() -> None:
    with pytest.raises(ChildFailed, match="needs no-such-program on the PATH"):
        Child(["no-such-program"], Path.cwd(), 1, unheard)


def test_an_interrupt_ends_it_and_all_that_it_started(tmp_path: Path) -> None:
    def stop() -> None:
        if (tmp_path / "grandchild").exists():
            raise KeyboardInterrupt

    script = f"sleep 1000 & echo $! > {tmp_path}/tmp; mv {tmp_path}/tmp {tmp_path}/grandchild; wait"
    with pytest.raises(KeyboardInterrupt), shell(script, check=stop) as child:
        child.ask("hello")
    assert is_gone(child._process.pid)
    assert is_gone(int((tmp_path / "grandchild").read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel that does it is Linux")
def test_it_dies_with_us_however_we_die() -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom loopsim.core.child import Child\n"
        "child = Child(['sleep', '1000'], Path.cwd(), 60, lambda: None)\n"
        "print(child._process.pid, flush=True)\ntime.sleep(1000)"
    )
    ours = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert ours.stdout is not None
    pid = int(ours.stdout.readline())
    os.kill(ours.pid, signal.SIGKILL)
    ours.wait()
    ours.stdout.close()
    assert is_gone(pid)
