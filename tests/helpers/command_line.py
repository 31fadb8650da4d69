"""The command line as its users run it: in this process, or in one of its own."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from loopsim.cli.main import main


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def loopsim_here(*arguments: str, answer: str = "", encoding: str = "utf-8") -> Done:
    """Run the command line in this process, through a pipe of that encoding: for whatever needs no kill."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    with (
        patch.dict(os.environ, {"COLUMNS": "80", "TERM": "dumb"}),
        patch.multiple(sys, argv=["loopsim", *arguments], stdout=out, stderr=err, stdin=io.StringIO(answer)),
    ):
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode(encoding))  # type: ignore[attr-defined]
    return Done(code, *texts)


def loopsim(*arguments: str, fault: str | None = None, **options) -> subprocess.CompletedProcess:
    """Run the command line as its users do; `fault` is a LOOPSIM_FAULT, `options` are subprocess.run's."""
    environment = os.environ | {"COLUMNS": "80", "TERM": "dumb"} | ({"LOOPSIM_FAULT": fault} if fault else {})
    return subprocess.run(
        [sys.executable, "-m", "loopsim", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=900,
        **options,
    )


def in_two_processes(directory: Path, *arguments: str) -> None:
    """Run a command on runs in `directory` as torchrun does, in two processes on the CPU, to its good end."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, "-m", "loopsim", *arguments, *in_runs(directory)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def start_loopsim(*arguments: str) -> subprocess.Popen:
    """Begin a command and return its process, with its two outputs to be read."""
    return subprocess.Popen(
        [sys.executable, "-m", "loopsim", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def in_runs(directory: Path) -> list[str]:
    """Return the arguments that name the directory of runs."""
    return ["--runs-dir", str(directory)]


def loaded_after(code: str, *modules: str) -> str:
    """Which of `modules` a fresh Python has loaded after running `code`, as it prints their list."""
    question = f"{code}\nimport sys; print([m for m in {modules!r} if m in sys.modules])"
    return subprocess.run(
        [sys.executable, "-c", question], capture_output=True, text=True, check=True
    ).stdout.strip()
