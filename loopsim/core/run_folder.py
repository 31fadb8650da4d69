"""What stands in a run's folder, by name."""

from typing import Final

STATE: Final = "state.lmdb"
ARTIFACTS: Final = "artifacts"
MODELS: Final = "models"  # readable names of artifacts
SCRATCH: Final = "scratch"
TRACKERS: Final = "trackers"
LOCK: Final = "lock"
PAGE: Final = "report.html"
