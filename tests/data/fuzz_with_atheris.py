"""Coverage-guided fuzzing of the readers, which is not a part of the suite.

From the root: python -m tests.data.fuzz_with_atheris webdataset -runs=10000. Needs `pip install atheris`.
The first argument is a target of `tests/helpers/fuzzing.py`; the others are libFuzzer's.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["loopsim.data", "loopsim.config", "tarfile", "csv", "json"]):
    from tests.helpers.fuzzing import TARGETS

from loopsim.core.errors import LoopsimError


def main() -> None:
    """Fuzz the target that the first argument names."""
    path, read = TARGETS[sys.argv.pop(1)](Path(tempfile.mkdtemp()))
    corpus = Path(tempfile.mkdtemp())
    (corpus / "seed").write_bytes(path.read_bytes())

    def one(data: bytes) -> None:
        path.write_bytes(data)
        with contextlib.suppress(LoopsimError):
            read()

    atheris.Setup([*sys.argv, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
