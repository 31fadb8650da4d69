"""What a shell completes: runs, metrics, configs. Nothing heavy is imported, and nothing is ever said."""

from pathlib import Path
from typing import Any

from loopsim.core.run_folder import STATE


def run_names(ctx: Any, incomplete: str) -> list[str]:
    """Return the runs in the command's --runs-dir, the latest first."""
    folder = Path(ctx.params.get("runs_dir") or "runs")
    try:
        found = [path for path in folder.iterdir() if (path / STATE).is_dir()]
        found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return []
    return [path.name for path in found if path.name.startswith(incomplete)]


def metric_names(incomplete: str) -> list[str]:
    """Return the metrics that loopsim has words for."""
    from loopsim.report.plain_words import METRICS

    return [name for name in METRICS if name.startswith(incomplete)]


def config_names(incomplete: str) -> list[str]:
    """Return presets, and the TOML files of this folder and of configs/."""
    from loopsim.config import PRESETS

    files = [str(path) for folder in (Path(), Path("configs")) for path in sorted(folder.glob("*.toml"))]
    return [name for name in (*PRESETS, *files) if name.startswith(incomplete)]


def shipped_names(incomplete: str) -> list[str]:
    """Return the configs that `loopsim init` writes."""
    from loopsim.config.shipped import shipped_configs

    return [name for name in shipped_configs() if name.startswith(incomplete)]
