"""Every word of the pocket world is one token, the same in every process."""

import subprocess
import sys

from loopsim.config import OpenMojiConfig
from loopsim.data.openmoji import OpenMojiCorpus
from loopsim.models.tokenizer import build_tokenizer

CORPUS = OpenMojiCorpus(OpenMojiConfig(), seed=1)


def test_every_word_of_the_corpus_is_one_token() -> None:
    tokenizer = build_tokenizer(CORPUS.vocabulary())
    assert all(len(tokenizer(word).input_ids) == 3 for word in CORPUS.vocabulary())
    text = "a photo of a construction worker"
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text


def test_every_process_learns_the_same_tokenizer() -> None:
    code = (
        "from loopsim.config import OpenMojiConfig; from loopsim.data.openmoji import OpenMojiCorpus; "
        "from loopsim.models.tokenizer import build_tokenizer; "
        "print(sorted(build_tokenizer(OpenMojiCorpus(OpenMojiConfig(), 0).vocabulary()).get_vocab().items()))"
    )
    found = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(3)
    }
    assert len(found) == 1
