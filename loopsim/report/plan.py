"""What `loopsim plan` tells of a loop's cost."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from loopsim.costs.plan import PlanRow


def plan_as_json(title: str, rows: Sequence[PlanRow], notes: Sequence[str]) -> dict[str, Any]:
    """Return the document that `loopsim plan --json` prints."""
    return {"plan": title, "rows": [asdict(row) for row in rows], "notes": list(notes)}
