"""What `data check` warns of stands below the counts, by name."""

from loopsim.data.check import CorpusSummary, SplitSummary
from loopsim.data.manifest import Disagreement
from loopsim.data.overlap import Copy, Overlap
from loopsim.report.corpus import corpus_as_json
from loopsim.report.terminal.corpus import print_corpus
from tests.helpers.terminal import printed


def summary() -> CorpusSummary:
    train = SplitSummary(
        "train",
        8,
        9,
        0,
        0,
        {"gender": {"man": 5}},
        [],
        3,
        [Disagreement("[b]a[/b].png", "gender", ("man", "woman"))],
    )
    retrieval = SplitSummary("retrieval", 4, 4, 0, 0, {}, [], 0, [])
    copies = [Copy("x.png", "a.png", is_exact=True), Copy("y.png", "b.png", is_exact=False)]
    overlaps = [Overlap("retrieval", 400, 1, 2, 5, copies), Overlap("faces", 100, 0, 0, 0, [])]
    return CorpusSummary("m.sqlite", "abc", "frozen now", [train, retrieval], overlaps)


def test_disagreements_and_copies_are_counted_and_named() -> None:
    text = " ".join(printed(lambda console: print_corpus(console, summary())).split())
    assert "rows disagree train, [b]a[/b].png: gender is man and woman, and counts for none of them" in text
    assert "… and 2 more in train" in text
    assert "of retrieval that are in train, too: 3 of 400 (0.8%; exact copies 1, near-duplicates 2)" in text
    assert "x.png is a.png of train: the same bytes" in text
    assert "y.png is b.png of train: it looks the same" in text
    assert "… and 1 more in retrieval" in text
    assert "pictures of retrieval that are too plain to be compared by their look: 5" in text
    assert "faces" not in text


def test_the_document_has_them_too() -> None:
    document = corpus_as_json(summary())
    assert document["splits"][0]["num_disagreements"] == 3
    assert document["splits"][0]["disagreements"][0]["values"] == ("man", "woman")
    assert document["overlaps"][0]["examples"][1] == {"key": "y.png", "train_key": "b.png", "is_exact": False}
