"""Secret randomness: streams of bits, uniforms and Gaussians that follow from the ledger's secret.

A stream is a function of HMAC-SHA256(secret, purpose) and an index: whoever sees one learns nothing
of the others, and a stream does not depend on what else was drawn, or when, or where. By the first
rule it is SHAKE-128; by the second a ChaCha20 keystream (`taggant.marking.chacha`), which is drawn
for many versions at once, on the device that marks them, and from any place on. A secret tells by
which rule it is used: those of the second have one byte more.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

from taggant.marking import chacha

KEY_BYTES = 32
SHAKE, CHACHA = 1, 2
"""Rules; the number of one is a ledger's `derivation`."""
_Number = TypeVar("_Number", np.uint8, np.uint64)
Stream = tuple[bytes, int]
"""A key, and the index of one of its streams."""
BYTE_ORDER = [8 * (bit // 8) + 7 - bit % 8 for bit in range(32)]
"""Where the bits of a stream stand in its little-endian words: from the top of each byte."""


def tagged(secret: bytes, rule: int) -> bytes:
    """A secret of 32 bytes that is to be used by a rule."""
    return secret if rule == SHAKE else secret + bytes([rule])


def rule_of(key: bytes) -> int:
    """By which rule a secret, or a key that was derived from it, is used."""
    return key[KEY_BYTES] if len(key) > KEY_BYTES else SHAKE


def derive(secret: bytes, purpose: str) -> bytes:
    """Key of one purpose, e.g. ``marks/<image id>``, for use by the same rule as the secret."""
    return hmac.digest(secret, b"taggant/" + purpose.encode(), "sha256") + secret[KEY_BYTES:]


def streams_of(
    purpose: str,
    secrets: Sequence[bytes],
    ids: Sequence[str],
    indices: NDArray[np.int64],
) -> list[Stream]:
    """Streams `indices` [B, k] of each image for one purpose, row after row."""
    images = list(zip(secrets, ids, strict=True))
    keys = {one: derive(one[0], f"{purpose}/{one[1]}") for one in set(images)}
    rows = zip(images, indices.tolist(), strict=True)
    return [(keys[image], index) for image, row in rows for index in row]


def stream(key: bytes, index: int, size: int) -> bytes:
    """Stream `index` of a key, `size` bytes."""
    return bytes(_contents([(key, index)], size)[0])


def bits(key: bytes, indices: Sequence[int] | NDArray[np.int64], count: int) -> NDArray[np.uint8]:
    """Fair coins uint8 0/1 [k, count], one stream per index."""
    return bits_of([(key, index) for index in indices], count)


def bits_of(streams: Sequence[Stream], count: int) -> NDArray[np.uint8]:
    """Fair coins uint8 0/1 [k, count], one stream per (key, index)."""
    return np.unpackbits(_contents(streams, -(-count // 8)), axis=-1, count=count)


def bits_on(device: torch.device, streams: Sequence[Stream], count: int) -> Tensor:
    """`bits_of` as a tensor that is on a device, and made there if all are of the second rule."""
    if device.type == "cpu" or SHAKE in _rules([key for key, _ in streams]):
        return torch.from_numpy(bits_of(streams, count)).to(device)
    blocks = -(-count // (8 * chacha.BLOCK_BYTES))
    return unpacked(_keystream(streams, 0, blocks, device))[:, :count]


def unpacked(words: Tensor) -> Tensor:
    """Bits uint8 0/1 [k, 32 m] of little-endian words int32 [k, m], from the top of each byte."""
    shifts = torch.tensor(BYTE_ORDER, device=words.device)
    return ((words[..., None] >> shifts) & 1).to(torch.uint8).flatten(1)


def words_of(keys: Sequence[bytes], first: NDArray[np.int64], count: int) -> NDArray[np.uint64]:
    """Words of 64 bits [k, count] of the first stream of each key, from word `first` [k] on."""
    rules = _rules(keys)
    if len(rules) > 1:
        return _each_rule(keys, lambda at: words_of([keys[i] for i in at], first[at], count))
    if SHAKE in rules:
        places = list(zip(keys, first.tolist(), strict=True))
        ends = {key: start + count for key, start in sorted(places)}
        whole = {key: np.frombuffer(stream(key, 0, 8 * end), "<u8") for key, end in ends.items()}
        return np.stack([whole[key][start : start + count] for key, start in places])
    in_block = chacha.BLOCK_BYTES // 8
    number, skipped = np.divmod(first, in_block)
    blocks = -(-(int(skipped.max()) + count) // in_block)
    drawn = _keystream([(key, 0) for key in keys], number, blocks).numpy().view("<u8")
    return np.take_along_axis(drawn, skipped[:, None] + np.arange(count), axis=1)


def uniforms(
    key: bytes, indices: Sequence[int] | NDArray[np.int64], count: int
) -> NDArray[np.float64]:
    """Uniforms in (0, 1) float64 [k, count], centres of 65,536 cells, one stream per index."""
    return uniforms_of([(key, int(index)) for index in indices], count)


def uniforms_of(streams: Sequence[Stream], count: int) -> NDArray[np.float64]:
    """`uniforms`, one stream per (key, index)."""
    return (_cells(streams, count) + 0.5) / 65536


def gaussians(
    key: bytes, indices: Sequence[int] | NDArray[np.int64], count: int
) -> NDArray[np.float32]:
    """Standard normals float32 [k, count] by inverse CDF of `uniforms`; none beyond 4.33."""
    return gaussians_of([(key, int(index)) for index in indices], count)


def gaussians_of(streams: Sequence[Stream], count: int) -> NDArray[np.float32]:
    """`gaussians`, one stream per (key, index)."""
    return _quantiles()[_cells(streams, count)]


def unit_vectors(
    key: bytes, indices: Sequence[int] | NDArray[np.int64], dimension: int
) -> NDArray[np.float32]:
    """Uniform on the unit sphere, float32 [k, dimension], one stream per index."""
    drawn = gaussians(key, indices, dimension).astype(np.float64)
    unit: NDArray[np.float32] = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(
        np.float32
    )
    return unit


def _cells(streams: Sequence[Stream], count: int) -> NDArray[np.uint16]:
    """Numbers of 16 bits [k, count]."""
    return _contents(streams, 2 * count).view("<u2")


def _contents(streams: Sequence[Stream], size: int) -> NDArray[np.uint8]:
    """The first bytes of each stream, [k, size]."""
    keys = [key for key, _ in streams]
    rules = _rules(keys)
    if len(rules) > 1:
        return _each_rule(keys, lambda at: _contents([streams[i] for i in at], size))
    if SHAKE in rules:
        parts = [
            hashlib.shake_128(key + int(index).to_bytes(8, "big")).digest(size)
            for key, index in streams
        ]
        return np.frombuffer(b"".join(parts), np.uint8).reshape(len(streams), size)
    words = _keystream(streams, 0, -(-size // chacha.BLOCK_BYTES))
    return np.ascontiguousarray(words.numpy().view(np.uint8)[:, :size])


def _rules(keys: Sequence[bytes]) -> set[int]:
    """The rules of keys; ledgers that were appended to hold secrets of several."""
    return {rule_of(key) for key in set(keys)}


def _each_rule(
    keys: Sequence[bytes], make: Callable[[list[int]], NDArray[_Number]]
) -> NDArray[_Number]:
    """Rows that are made of the keys of one rule at a time, in the order of the keys."""
    places: dict[int, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(rule_of(key), []).append(place)
    made = np.concatenate([make(chosen) for chosen in places.values()])
    return made[np.argsort(np.concatenate([*places.values()]))]


def _keystream(
    streams: Sequence[Stream],
    first: int | NDArray[np.int64],
    blocks: int,
    device: torch.device | str = "cpu",
) -> Tensor:
    """ChaCha20 words int32 [k, 16 blocks] of each stream, from block `first` on, on a device."""
    joined = b"".join([key[:KEY_BYTES] for key, _ in streams])
    keys = torch.from_numpy(np.frombuffer(joined, "<i4").reshape(len(streams), -1).copy())
    index = torch.tensor([int(index) for _, index in streams])
    start = torch.from_numpy(np.broadcast_to(first, len(streams)).astype(np.int64))
    return chacha.keystream(keys.to(device), index.to(device), start.to(device), blocks)


@cache
def _quantiles() -> NDArray[np.float32]:
    table: NDArray[np.float32] = ndtri((np.arange(65536) + 0.5) / 65536).astype(np.float32)
    return table
