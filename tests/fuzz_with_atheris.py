"""Coverage-guided fuzzing of the readers (not a part of the suite): python tests/fuzz_with_atheris.py
webdataset -runs=10000

Needs `pip install atheris`. The first argument is a target of test_fuzz.py; the others are libFuzzer's.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["loopsim.data", "loopsim.config", "tarfile", "csv", "json"]):
    import test_fuzz

from loopsim.core.errors import LoopsimError


def main() -> None:
    path, read = test_fuzz.TARGETS[sys.argv.pop(1)](Path(tempfile.mkdtemp()))
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
