"""The processes of a run. Rank 0 decides and writes; all ranks work. One process by default; more through
`torchrun` and accelerate.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, final

import torch
from torch import Tensor

T = TypeVar("T")


@final
@dataclass(frozen=True)
class World:
    """This process's place among `size` processes."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """True in the one process that decides and writes."""
        return self.rank == 0

    def split(self, items: Sequence[T]) -> Sequence[T]:
        """Return this rank's share of `items`: every `size`-th, from `rank` on."""
        return items[self.rank :: self.size]

    def gather(self, share: Sequence[T]) -> list[T]:
        """Return, on every rank, all ranks' shares interleaved back into the order that `split` took them
        from.
        """
        if self.size == 1:
            return list(share)
        from accelerate.utils import gather_object

        shares: list[list[T]] = [[] for _ in range(self.size)]
        for rank, items in gather_object([(self.rank, list(share))]):
            shares[rank] = items
        longest = max(map(len, shares))
        return [items[i] for i in range(longest) for items in shares if i < len(items)]

    def broadcast(self, value: T | None) -> T:
        """Return rank 0's `value` on every rank."""
        if self.size == 1:
            return value  # type: ignore[return-value]
        from accelerate.utils import broadcast_object_list

        box: list[Any] = [value]
        broadcast_object_list(box, from_process=0)
        found: T = box[0]
        return found

    def wait(self) -> None:
        """Return when every rank has come here."""
        if self.size > 1:
            torch.distributed.barrier()

    def average_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Replace each gradient by its mean over the ranks."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is not None:
                torch.distributed.all_reduce(parameter.grad)
                parameter.grad /= self.size


def join_world() -> World:
    """Return the world that `torchrun` (or `accelerate launch`) set up, or a world of one."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return World()
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    return World(state.process_index, state.num_processes, state.local_process_index)
