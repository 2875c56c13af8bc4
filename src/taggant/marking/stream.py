"""Secret randomness: streams of bits, uniforms and Gaussians that follow from the ledger's secret.

A stream is SHAKE-128 of HMAC-SHA256(secret, purpose) and an index: whoever sees one learns nothing
of the others, and a stream does not depend on what else was drawn, or when.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri


def derive(secret: bytes, purpose: str) -> bytes:
    """32-byte key of one purpose, e.g. ``marks/<image id>``."""
    return hmac.digest(secret, b"taggant/" + purpose.encode(), "sha256")


def stream(key: bytes, index: int, size: int) -> bytes:
    """Stream `index` of a key, `size` bytes."""
    return hashlib.shake_128(key + int(index).to_bytes(8, "big")).digest(size)


def bits(key: bytes, indices: Sequence[int] | NDArray[np.int64], count: int) -> NDArray[np.uint8]:
    """Fair coins uint8 0/1 [k, count], one stream per index."""
    return bits_of([(key, index) for index in indices], count)


def bits_of(streams: Sequence[tuple[bytes, int]], count: int) -> NDArray[np.uint8]:
    """Fair coins uint8 0/1 [k, count], one stream per (key, index)."""
    size = -(-count // 8)
    packed = np.frombuffer(b"".join(stream(*one, size) for one in streams), np.uint8)
    return np.unpackbits(packed.reshape(len(streams), size), axis=-1, count=count)


def uniforms(
    key: bytes, indices: Sequence[int] | NDArray[np.int64], count: int
) -> NDArray[np.float64]:
    """Uniforms in (0, 1) float64 [k, count], centres of 65,536 cells, one stream per index."""
    return (_words(key, indices, count) + 0.5) / 65536


def gaussians(
    key: bytes, indices: Sequence[int] | NDArray[np.int64], count: int
) -> NDArray[np.float32]:
    """Standard normals float32 [k, count] by inverse CDF of `uniforms`; none beyond 4.33."""
    return _quantiles()[_words(key, indices, count)]


def unit_vectors(
    key: bytes, indices: Sequence[int] | NDArray[np.int64], dimension: int
) -> NDArray[np.float32]:
    """Uniform on the unit sphere, float32 [k, dimension], one stream per index."""
    drawn = gaussians(key, indices, dimension).astype(np.float64)
    unit: NDArray[np.float32] = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(
        np.float32
    )
    return unit


def _words(
    key: bytes, indices: Sequence[int] | NDArray[np.int64], count: int
) -> NDArray[np.uint16]:
    streams = b"".join(stream(key, i, 2 * count) for i in indices)
    return np.frombuffer(streams, "<u2").reshape(len(indices), count)


@cache
def _quantiles() -> NDArray[np.float32]:
    table: NDArray[np.float32] = ndtri((np.arange(65536) + 0.5) / 65536).astype(np.float32)
    return table
