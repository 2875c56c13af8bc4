"""Images on the disk: written part by part, and read where and when they are looked at."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from taggant.files import write_atomically

PART = 4 << 20
"""Bytes of images that are handled at once."""
MOST = 512
"""Images that are handled at once, at most."""


def parts(count: int, shape: Sequence[int]) -> Iterator[Tensor]:
    """Numbers 0..count-1, as many at once as images uint8 of this shape may be handled."""
    return iter(torch.arange(count).split(max(1, min(MOST, PART // max(1, math.prod(shape))))))


def taken(images: Tensor, rows: Tensor) -> Tensor:
    """Rows of a tensor; where they follow each other they are a view, and nothing is copied."""
    first = int(rows[0]) if len(rows) else -1
    if first >= 0 and torch.equal(rows, torch.arange(first, first + len(rows))):
        return images[first : first + len(rows)]
    return images[rows]


def write(
    path: Path, images: Iterable[Tensor], shape: Sequence[int], labels: Tensor | None = None
) -> None:
    """Write a safetensors file, ``images`` and ``labels``, without holding all of it.

    Parameters
    ----------
    path : Path
    images : iterable of Tensor, uint8 [b, C, H, W]
        Its parts.
    shape : (int, int, int, int)
        Of the whole: N, C, H, W.
    labels : Tensor, int64 [N], optional
    """
    write_atomically(path, _content(images, shape, labels))


def read(path: Path) -> dict[str, Tensor]:
    """What `write` wrote. The file is mapped: pixels are read from it when they are looked at."""
    return load_file(path)


def _content(
    images: Iterable[Tensor], shape: Sequence[int], labels: Tensor | None
) -> Iterator[bytes | memoryview]:
    start = 0 if labels is None else 8 * len(labels)
    held: dict[str, object] = {}
    if labels is not None:
        held["labels"] = {"dtype": "I64", "shape": [len(labels)], "data_offsets": [0, start]}
    ends = [start, start + math.prod(shape)]
    held["images"] = {"dtype": "U8", "shape": [*shape], "data_offsets": ends}
    header = json.dumps(held).encode()
    header += b" " * (-len(header) % 8)
    yield len(header).to_bytes(8, "little") + header
    if labels is not None:
        yield labels.cpu().numpy().astype("<i8").tobytes()
    for part in images:
        yield np.ascontiguousarray(part.cpu().numpy()).data
