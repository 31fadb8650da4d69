"""The command line as its users run it, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


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
