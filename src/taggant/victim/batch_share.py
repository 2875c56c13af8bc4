"""A training step's batch, split over the processes of a distributed run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, distributed


class BatchShare:
    """This process's part of every batch: images rank, rank + world, rank + 2 world, ...

    The effective batch is that of the loader. Where a batch has fewer images than there are
    processes, some images are seen twice, so that no process has none.

    Parameters
    ----------
    loader : Batches or the like
        Yields tuples of tensors of one length; told of epochs through its ``sampler``.
    """

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    @property
    def sampler(self) -> Any:
        """Lightning tells a loader's sampler the epoch."""
        return self.loader.sampler

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        rank, world = distributed.get_rank(), distributed.get_world_size()
        for batch in self.loader:
            count = len(batch[0])
            mine = torch.arange(rank, max(count, world), world) % count
            yield tuple(part[mine] for part in batch)
