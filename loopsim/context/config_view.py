"""What a phase sees of the config: the sections that it declared, as they stand for its generation."""

from collections.abc import Iterable
from typing import Any, cast, final

from loopsim.config import ResolvedConfig
from loopsim.core.errors import UndeclaredSection

ALWAYS = ("seed",)  # in every fingerprint


@final
class _View:
    def __init__(self, config: ResolvedConfig, sections: Iterable[str], phase: str) -> None:
        self._config, self._sections, self._phase = config, frozenset(sections), phase

    def __getattr__(self, name: str) -> Any:
        if name in self._sections or name in ALWAYS:
            return getattr(self._config, name)
        if name in ResolvedConfig.model_fields:
            raise UndeclaredSection(
                f"phase {self._phase} reads the config's {name!r}, which it does not declare: what a result "
                "depends on "
                f"belongs to its fingerprint; it declares {', '.join(sorted(self._sections)) or 'none'}"
            )
        raise AttributeError(name)


def view(config: ResolvedConfig, sections: Iterable[str], phase: str) -> ResolvedConfig:
    """Return the config with all but `sections` (and the seed) hidden: reading another raises
    UndeclaredSection.
    """
    return cast(ResolvedConfig, _View(config, sections, phase))
