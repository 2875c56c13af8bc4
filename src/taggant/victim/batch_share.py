"""A training step's batch, split over the processes of a distributed run."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, distributed

from taggant.data.batches import Batches


class BatchShare:
    """This process's part of every batch: images rank, rank + world, rank + 2 world, ...

    The effective batch is that of the loader. Where a batch has fewer images than there are
    processes, some images are seen twice, so that no process has none.

    Parameters
    ----------
    batches : Batches
    """

    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    @property
    def sampler(self) -> Batches:
        """On which Lightning calls ``set_epoch``."""
        return self.batches.sampler

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        rank, world = distributed.get_rank(), distributed.get_world_size()
        for batch in self.batches:
            count = len(batch[0])
            mine = torch.arange(rank, max(count, world), world) % count
            yield tuple(part[mine] for part in batch)
