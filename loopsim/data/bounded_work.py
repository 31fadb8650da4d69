"""Work on threads whose results come in order, and whose data together stay small."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
MAX_WAITING, MAX_BYTES_WAITING = 64, 64_000_000


def in_order(pool: ThreadPoolExecutor, work: Iterable[tuple[int, Callable[[], T]]]) -> Iterator[T]:
    """Yield the results of all work, (bytes that it holds, what to call), in its order; a few are ahead, and
    never more than MAX_BYTES_WAITING (or a single one) of their bytes.
    """
    waiting: deque[tuple[int, Future[T]]] = deque()
    held = 0
    for size, task in work:
        while waiting and (len(waiting) >= MAX_WAITING or held + size > MAX_BYTES_WAITING):
            done, future = waiting.popleft()
            held -= done
            yield future.result()
        waiting.append((size, pool.submit(task)))
        held += size
        del task  # it holds the bytes
    while waiting:
        yield waiting.popleft()[1].result()
