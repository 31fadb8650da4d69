"""Names that people can read for a run's weights: `models/CLIP_3` is a link to the artifact of that hash.

The links are for people and their scripts; loopsim itself never follows one.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from loopsim.context.phase_names import PhaseKey, base_name
from loopsim.core.run_folder import ARTIFACTS, MODELS
from loopsim.store.integrity import finished_phases, released_phases
from loopsim.store.rows import PhaseRow
from loopsim.store.store import Store

_CALLED: Final = {"clip": "CLIP", "captioner": "captioner", "generator": "SD"}


def link_models(directory: Path, store: Store) -> None:
    """Make the links of a run's `models` folder those of the weights that it has; what is no link stays.

    Without links in the file system there are none. A folder that is a link itself is left alone.
    """
    folder = directory / MODELS
    wanted = _names(finished_phases(store), released_phases(store))
    try:
        if folder.is_symlink():
            return
        if wanted:
            folder.mkdir(exist_ok=True)
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.is_symlink() and wanted.get(path.name) != os.readlink(path):
                path.unlink()
        for name, target in wanted.items():
            if not os.path.lexists(folder / name):
                (folder / name).symlink_to(target, target_is_directory=True)
    except OSError:
        return  # names are a convenience: no loop ends for want of them


def _names(phases: Mapping[PhaseKey, PhaseRow], released: set[PhaseKey]) -> dict[str, str]:
    """Return where each readable name leads, relative to the folder of names."""
    found = {}
    for (generation, phase), row in phases.items():
        _, again, replicate = phase.partition("#")
        for part, artifact in row.artifacts.items() if (generation, phase) not in released else ():
            called = _CALLED.get(part, f"{base_name(phase)}-{part}".replace("/", "-"))
            name = f"{called}_{generation}" + (f"-replicate-{replicate}" if again else "")
            found[name] = f"../{ARTIFACTS}/{artifact}"
    return found
