"""Loading a step's data while the step before it computes."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar, final

T = TypeVar("T")


@final
class Prefetch(Generic[T]):
    """Calls `load(step)` and, on a thread and if `enabled`, already `load(step + 1)`; what is loaded is a
    function of the step alone.
    """

    def __init__(self, load: Callable[[int], T], *, enabled: bool) -> None:
        self.load = load
        self._pool = ThreadPoolExecutor(1) if enabled else None
        self._next: tuple[int, Future[T]] | None = None

    def __call__(self, step: int) -> T:
        if self._pool is None:
            return self.load(step)
        found = (
            self._next[1].result() if self._next is not None and self._next[0] == step else self.load(step)
        )
        self._next = (step + 1, self._pool.submit(self.load, step + 1))
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
