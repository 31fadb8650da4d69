"""Choices: what a config can name is one value each, loopsim's own and those that installed packages add.

loopsim's own values of a kind lie in one folder and are found there, so that a new one is a new file and
nothing else. Installed packages add theirs through entry points; they are imported when first asked for.
Which names there are is known without an import (`Shelf`), so that a mistyped one is told at once.
"""

import ast
import difflib
import hashlib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, final

from loopsim.core.errors import ConfigError

T = TypeVar("T")


@final
@dataclass(frozen=True)
class Origin:
    """The installed package that brings a choice, and its version."""

    package: str
    version: str


@final
@dataclass(frozen=True)
class Shelf:
    """Where the values that one key of the config can name are found, and their names, importing none.

    `key`, `folder` and `group` are as in `Choices`; `kind` is the name of their class. The names of loopsim's
    own are read from the source: what a class calls its `name`, or what the kind is made with first. So they
    stand there as they are, no constant and no expression.
    """

    key: str
    kind: str
    folder: str
    group: str | None = None

    @property
    def own(self) -> list[str]:
        """The names of loopsim's own values, in the order of their files and of their lines."""
        files = sorted(Path(__file__).parents[2].joinpath(*self.folder.split(".")).glob("*.py"))
        return [name for file in files for name in self._names_in(ast.parse(file.read_bytes()).body)]

    @property
    def names(self) -> list[str]:
        """Every name that a config may use, but what a script registers."""
        added = entry_points(group=self.group) if self.group else ()
        return list(dict.fromkeys([*self.own, *(point.name for point in added)]))

    def require(self, names: Iterable[str], key: str | None = None) -> None:
        """Raise ConfigError, with the nearest known name, unless all names are known; whether they can be
        imported is another question.
        """
        known = self.names
        for name in names:
            if name not in known:
                raise _unknown(key or self.key, name, known)

    def _names_in(self, statements: Iterable[ast.stmt]) -> Iterator[str]:
        for statement in statements:
            match statement:
                case ast.ClassDef(body=body):
                    yield from (name for line in body for name in _given_name(line))
                case ast.Assign(
                    value=ast.Call(func=ast.Name(id=self.kind), args=[ast.Constant(value=str(name)), *_])
                ):
                    yield name


def _given_name(line: ast.stmt) -> Iterator[str]:
    """Yield the text of `name = "text"`, annotated or not."""
    match line:
        case (
            ast.Assign(targets=[ast.Name(id="name")], value=ast.Constant(value=str(name)))
            | ast.AnnAssign(target=ast.Name(id="name"), value=ast.Constant(value=str(name)))
        ):
            yield name


@final
class Choices(Generic[T]):
    """The values of one kind, by name.

    `kind` is their class, and each has a `name`; `folder` is the package whose modules hold loopsim's own;
    `group` is the entry points' group, None if packages add none; `key` is the config's key, for errors.
    """

    def __init__(
        self,
        key: str,
        kind: type[Any],
        folder: str,
        group: str | None = None,
        is_one: Callable[[object], bool] | None = None,
    ) -> None:
        self.key, self.kind, self.folder, self.group = key, kind, folder, group
        self._registered: dict[str, tuple[T, Origin]] = {}
        self._is_one = is_one or (lambda value: isinstance(value, kind))

    @classmethod
    def of_classes(cls, key: str, base: type[Any], folder: str, group: str | None = None) -> Self:
        """Return the choices among the concrete subclasses of `base`, each with a `name`."""

        def is_one(value: object) -> bool:
            return isinstance(value, type) and issubclass(value, base) and hasattr(value, "name")

        return cls(key, base, folder, group, lambda value: is_one(value) and not inspect.isabstract(value))

    @cached_property
    def own(self) -> Mapping[str, T]:
        """loopsim's own values, in the order of their files and of their lines."""
        package = importlib.import_module(self.folder)
        found: dict[str, T] = {}
        for module in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
            for value in vars(importlib.import_module(f"{self.folder}.{module}")).values():
                if self._is_one(value):
                    found[_name_of(value)] = value
        return found

    @cached_property
    def _added(self) -> Mapping[str, EntryPoint]:
        points = entry_points(group=self.group) if self.group else ()
        return {point.name: point for point in points if point.name not in self.own}

    @property
    def names(self) -> list[str]:
        """Every name that a config may use, whether its package can be imported or not."""
        return [*self.own, *self._added, *self._registered]

    def accepts(self, value: object) -> bool:
        """Return whether a value is one of this kind."""
        return self._is_one(value)

    def register(self, value: T) -> None:
        """Add a value of a script's own, for this process; its version is the hash of its module's source.

        Raises ConfigError if loopsim or an installed package has one of that name.
        """
        name = _name_of(value)
        if name in self.own or name in self._added:
            raise ConfigError(f"{self.key} = {name!r} is taken; give yours another name")
        self._registered[name] = (value, _origin_in_a_script(value))

    def require(self, names: Iterable[str], key: str | None = None) -> None:
        """Raise ConfigError, with the nearest known name, unless all names are known and can be imported."""
        for name in names:
            self.get(name, key)

    def get(self, name: str, key: str | None = None) -> T:
        """Return the value of that name; `key` stands for the choices' own in errors.

        Raises ConfigError with the nearest known name, or with the package that cannot be imported.
        """
        if name in self.own:
            return self.own[name]
        if name in self._registered:
            return self._registered[name][0]
        point = self._added.get(name)
        if point is None:
            raise _unknown(key or self.key, name, self.names)
        return self._load(point, key or self.key)

    def _load(self, point: EntryPoint, key: str) -> T:
        try:
            value: Any = point.load()
        except Exception as error:  # whatever a stranger's module may raise when it is imported
            reason = f"{type(error).__name__}: {error}"
            raise ConfigError(
                f"{key} = {point.name!r} comes from the package {_package(point)}, which cannot be imported "
                f"({reason}); mend it, reinstall it, or leave {point.name!r} out"
            ) from error
        if not self._is_one(value):
            raise ConfigError(
                f"{key} = {point.name!r}: the package {_package(point)} gives a {type(value).__name__} where "
                f"a {self.kind.__name__} is wanted (entry point {point.value})"
            )
        found: T = value
        return found

    def origin(self, name: str) -> Origin | None:
        """Return the package that brings a choice; None for loopsim's own and for unknown names."""
        if name in self._registered:
            return self._registered[name][1]
        point = self._added.get(name)
        if point is None or point.dist is None:
            return None
        return Origin(point.dist.name, point.dist.version)

    def origins(self, names: Iterable[str]) -> dict[str, Origin]:
        """Return the packages that bring those of the names that are not loopsim's own."""
        found = {name: self.origin(name) for name in names}
        return {name: origin for name, origin in found.items() if origin is not None}

    def broken(self) -> list[str]:
        """Return what is wrong with each entry point that cannot be used."""
        problems = []
        for point in self._added.values():
            try:
                self._load(point, self.key)
            except ConfigError as error:
                problems.append(str(error))
        return problems


def _unknown(key: str, name: str, known: list[str]) -> ConfigError:
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    return ConfigError(f"{key} = {name!r}: not known; {hint}")


def _name_of(value: object) -> str:
    return str(getattr(value, "name"))  # noqa: B009 - the kinds share no base class


def _origin_in_a_script(value: object) -> Origin:
    """Return where a script's own value comes from: its file, and the hash of that."""
    defined = value if isinstance(value, type) else getattr(value, "body", type(value))
    path = inspect.getsourcefile(defined)
    content = Path(path).read_bytes() if path is not None and Path(path).is_file() else b""
    name = Path(path).name if path is not None else "an interactive session"
    return Origin(f"script {name}", hashlib.blake2b(content, digest_size=8).hexdigest())


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
