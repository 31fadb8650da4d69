"""The kinds of corpora: each file holds one value, which a config's `data.corpus` names."""

from loopsim.data.corpora.corpus_kind import CORPORA, CorpusKind, check_data

__all__ = ["CORPORA", "CorpusKind", "check_data"]
