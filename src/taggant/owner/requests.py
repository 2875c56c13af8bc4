"""What an audit holds and sends at once: bounded by bytes, whatever the pictures are."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeVar

import torch

from taggant.owner.record import AuditSetup

Item = TypeVar("Item")
Shape = tuple[int, ...]

REQUEST = 64 << 20
"""Bytes of pixels in one request, or one forward; a larger picture is asked about alone."""
GROUP = 192 << 20
"""Bytes of pixels, raw and published, of the pictures that are audited side by side."""


class Requests:
    """Which pictures are asked about side by side.

    Parameters
    ----------
    setup : AuditSetup
    batch_size : int
        Most images of a request.
    """

    def __init__(self, setup: AuditSetup, batch_size: int) -> None:
        self.setup, self.batch_size = setup, batch_size
        self.shape_of = cache(self._shape_of)

    def _shape_of(self, shape: Shape) -> Shape:
        """The shape [C, H, W] in which a picture is sent."""
        return tuple(self.setup.sent(torch.zeros(shape, dtype=torch.uint8)).shape)

    def batch_of(self, shape: Shape) -> int:
        """Images of one request about pictures of the shape [C, H, W]."""
        return max(1, min(self.batch_size, REQUEST // math.prod(self.shape_of(shape))))

    def groups(self, items: Sequence[Item], shapes: Sequence[Shape]) -> Iterator[list[Item]]:
        """Items whose pictures are sent in one shape, as many as are held side by side.

        Parameters
        ----------
        items : sequence
        shapes : sequence of (int, int, int)
            Of their raw pictures.
        """
        alike: dict[Shape, list[Item]] = defaultdict(list)
        for item, shape in zip(items, shapes, strict=True):
            alike[self.shape_of(shape)].append(item)
        for shape, group in sorted(alike.items(), key=lambda one: one[0]):
            held = max(1, GROUP // (2 * math.prod(shape)))
            yield from (group[start : start + held] for start in range(0, len(group), held))
