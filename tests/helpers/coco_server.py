"""COCO's evaluation server: its own tokenizer, where there is java."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest


def server_tokens(captions: Sequence[str]) -> list[str]:
    """Return each caption's tokens as the server joins them, or skip the test where there is no java.

    Each caption stands alone: the program looks beyond the end of a line, so a line of one word is put
    between any two. (pycocoevalcap's own class writes a file into its package's folder.)
    """
    from pycocoevalcap.tokenizer import ptbtokenizer as library

    if shutil.which("java") is None:
        pytest.skip("no java here")
    lines = [line for caption in captions for line in (caption.replace("\n", " "), "x")]
    program = "edu.stanford.nlp.process.PTBTokenizer"
    jar = Path(library.__file__).parent / library.STANFORD_CORENLP_3_4_1_JAR
    told = subprocess.run(
        ["java", "-cp", str(jar), program, "-preserveLines", "-lowerCase", "-encoding", "utf-8"],
        input=("\n".join(lines) + "\n").encode(),
        capture_output=True,
        check=True,
    ).stdout.decode()
    found = told.split("\n")[:-1]
    assert len(found) == len(lines), "a caption holds the end of a line"
    return [
        " ".join(word for word in line.rstrip().split(" ") if word not in library.PUNCTUATIONS)
        for line in found[::2]
    ]
