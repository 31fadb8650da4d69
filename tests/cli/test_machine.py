"""Commands about this machine."""

import time
from pathlib import Path

from tests.helpers.command_line import in_runs, loopsim


def test_doctor_says_what_a_config_will_cost(tmp_path: Path) -> None:
    started = time.monotonic()
    shown = loopsim("doctor", "tiny", *in_runs(tmp_path))
    assert shown.returncode == 0, shown.stderr
    for words in ("torch", "threads", "GB free", "train_clip", "finetune", "generate", "minutes"):
        assert words in shown.stdout
    assert time.monotonic() - started < 200
