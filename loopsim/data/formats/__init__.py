"""The formats in which corpora are published: each file holds one value, which a config's `format` names."""

from loopsim.data.formats.corpus_format import FORMATS, CorpusFormat, parse_source, with_defaults

__all__ = ["FORMATS", "CorpusFormat", "parse_source", "with_defaults"]
