"""Work in batches of fixed shape, remembered within a byte budget.

A marker network's arithmetic depends on the shape of a batch, so what goes into one must depend
on nothing but the version asked for: one batch holds one image (its chunk of versions, or the
directions of its sketch).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Key = tuple[Hashable, ...]


class ByteBudgetCache:
    """Tensors by key, up to a number of bytes; what was used least recently leaves first.

    The last one stays however large it is.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.size = 0
        self.tensors: OrderedDict[Key, Tensor] = OrderedDict()

    def find(self, key: Key) -> Tensor | None:
        """The tensor under a key, if it is here."""
        if key in self.tensors:
            self.tensors.move_to_end(key)
        return self.tensors.get(key)

    def add(self, key: Key, made: Tensor) -> Tensor:
        """Add a tensor under a new key, and return it."""
        self.tensors[key] = made
        self.size += made.nbytes
        while self.size > self.budget and len(self.tensors) > 1:
            self.size -= self.tensors.popitem(last=False)[1].nbytes
        return made


def image_keys(secrets: Sequence[bytes], images: Tensor, ids: Sequence[str]) -> list[Key]:
    """What the versions of each image depend on: secret, id, pixels, device and threads."""
    where = (str(images.device), torch.get_num_threads())
    pixels = images.cpu().numpy()
    owned = zip(secrets, ids, pixels, strict=True)
    return [(secret, i, image.tobytes(), *where) for secret, i, image in owned]


def in_chunks(
    images: Tensor,
    keys: Sequence[Key],
    indices: NDArray[np.int64],
    chunk: int,
    cache: ByteBudgetCache,
    make: Callable[[int, NDArray[np.int64]], Tensor],
) -> Tensor:
    """Versions by aligned chunks of consecutive indices, each chunk made whole and once.

    Parameters
    ----------
    images : Tensor, uint8 [B, C, H, W]
    keys : sequence, length B
        See `image_keys`.
    indices : int array [B, k]
    chunk : int
        G; chunk c holds the indices cG .. cG + G - 1.
    cache : ByteBudgetCache
        Chunks made before.
    make : callable
        (row, indices [G]) -> versions uint8 [G, C, H, W] of image `row`.

    Returns
    -------
    Tensor, uint8 [B, k, C, H, W]
    """
    versions = images.new_empty(*indices.shape, *images.shape[1:])
    wanted: dict[Key, list[tuple[int, int]]] = {}
    for row, column in np.ndindex(*indices.shape):
        number = int(indices[row, column]) // chunk
        wanted.setdefault((*keys[row], number), []).append((row, column))
    for key, cells in wanted.items():
        row, number = cells[0][0], int(indices[cells[0]]) // chunk
        members = np.arange(number * chunk, (number + 1) * chunk)
        made = cache.find(key)
        if made is None:
            made = cache.add(key, make(row, members))
        rows, columns = map(list, zip(*cells, strict=True))
        versions[rows, columns] = made[torch.from_numpy(indices[rows, columns] % chunk)]
    return versions


def in_lanes(
    keys: Sequence[Key], lanes: int, cache: ByteBudgetCache, make: Callable[[list[int]], Tensor]
) -> list[Tensor]:
    """Results of jobs that share batches: `lanes` jobs each, the last batch padded.

    The result of a job depends on nothing but its key only where a lane's arithmetic depends on
    neither slot nor batch-mates (`Marker.lanes_agree`); else one lane a batch must be asked for.

    Parameters
    ----------
    keys : sequence
        What each job's result depends on; equal ones are done once.
    lanes : int
        Jobs in a batch.
    cache : ByteBudgetCache
        Results made before.
    make : callable
        Positions of `lanes` jobs -> their results, stacked.
    """
    results: dict[Key, Tensor] = {}
    missing: dict[Key, int] = {}
    for position, key in enumerate(keys):
        found = cache.find(key)
        if found is None:
            missing.setdefault(key, position)
        else:
            results[key] = found
    pending = list(missing.items())
    for start in range(0, len(pending), lanes):
        part = pending[start : start + lanes]
        padded = part + part[-1:] * (lanes - len(part))
        made = make([position for _, position in padded])
        for (key, _), result in zip(part, made, strict=False):
            results[key] = cache.add(key, result.clone())
    return [results[key] for key in keys]


def check_chunk(chunk: int) -> None:
    """Refuse a chunk without versions."""
    if chunk < 1:
        raise ValueError(f"marking.strategy.chunk = {chunk}: accepted are 1, 2, 3, ...")


def check_steps(steps: int) -> None:
    """Refuse an optimisation without steps."""
    if steps < 1:
        raise ValueError(f"marking steps = {steps}: accepted are 1, 2, 3, ...")


def to_grey_levels(pixels: Tensor) -> Tensor:
    """Round to uint8, 0..255."""
    return pixels.round().clamp(0, 255).to(torch.uint8)
