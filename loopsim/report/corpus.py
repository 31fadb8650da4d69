"""What `loopsim data check` tells of a corpus."""

from dataclasses import asdict
from typing import Any

from loopsim.data.check import CorpusSummary


def corpus_as_json(summary: CorpusSummary) -> dict[str, Any]:
    """Return the document that `loopsim data check --json` prints."""
    return asdict(summary)
