"""Arithmetic that gives the same bits every time."""

import os

import torch


def make_reproducible(num_threads: int | None = None) -> int:
    """Fix the number of threads (default: what torch would use) and make MKL's matrix products repeatable;
    return the number.

    By default MKL may change the number of threads and the order of sums from call to call ("conditional
    numerical reproducibility" is off): of about seventy trainings one ended with other bits. Call this before
    a process's first product; MKL reads the variable then. It costs no time that could be measured.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
    torch.set_num_threads(
        num_threads or torch.get_num_threads()
    )  # set explicitly, it also ends MKL's own choice of threads
    return torch.get_num_threads()
