"""Packages that only some of loopsim's users need."""

import importlib.util

from loopsim.core.errors import ConfigError


def require_package(package: str, extra: str, use: str) -> None:
    """Raise ConfigError, with what to install, if a package is not there."""
    if importlib.util.find_spec(package) is None:
        raise ConfigError(f"{use} needs {package}: pip install 'loopsim[{extra}]'")
