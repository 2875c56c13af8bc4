"""ChaCha20 as whole tensors: the keystreams of many keys at once, the same bits on every device.

Each block is a function of (key, nonce, counter) alone, so a word can be had without those before
it, and nothing depends on what else is drawn in the same call. Additions wrap around at 2^32 in
int32 as they do in uint32, and no other arithmetic is used: there is nothing to round.

Notes
-----
Source: RFC 8439, "ChaCha20 and Poly1305 for IETF Protocols" (2018), section 2.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BLOCK_WORDS = 16
BLOCK_BYTES = 4 * BLOCK_WORDS
CONSTANTS = np.frombuffer(b"expand 32-byte k", "<i4")
AT_ONCE = 1 << 13
"""Blocks that a CPU makes at once: their state stays in its cache."""

Words = TypeVar("Words", NDArray[np.uint32], Tensor)


def keystream(keys: Tensor, streams: Tensor, first: Tensor, count: int) -> Tensor:
    """Blocks of ChaCha20 keystreams, on the device of `keys`.

    Parameters
    ----------
    keys : Tensor, int32 [M, 8]
        256 bits each, as eight little-endian words.
    streams : Tensor, int64 [M]
        Which keystream of its key each row asks for: the first 64 bits of the nonce, the last 32
        are 0.
    first : Tensor, int64 [M]
        Number of the first block; fewer than 2^32 are numbered.
    count : int
        Blocks of each row.

    Returns
    -------
    Tensor, int32 [M, 16 count]
        Little-endian words in the order of the keystream.
    """
    rows = keys.repeat_interleave(count, 0)
    number = (first[:, None] + torch.arange(count, device=keys.device)).flatten()
    nonce = streams.repeat_interleave(count)
    state = keys.new_zeros(BLOCK_WORDS, len(rows))
    state[:4] = torch.from_numpy(CONSTANTS.copy()).to(keys.device)[:, None]
    state[4:12] = rows.T
    state[12] = low_word(number)
    state[13], state[14] = low_word(nonce), low_word(nonce >> 32)
    if keys.device.type != "cpu":
        made = _blocks(state, _rotated, torch.cat)
    else:
        parts = np.array_split(
            state.numpy().view(np.uint32), range(AT_ONCE, len(rows), AT_ONCE), axis=1
        )
        drawn = [_blocks(part, _rotated_unsigned, np.concatenate) for part in parts]
        made = torch.from_numpy(np.concatenate(drawn, axis=1).view(np.int32))
    return made.T.reshape(len(keys), BLOCK_WORDS * count).contiguous()


def low_word(values: Tensor) -> Tensor:
    """The lowest 32 bits of int64 values, as int32."""
    return ((values + (1 << 31)) % (1 << 32) - (1 << 31)).to(torch.int32)


def _blocks(
    state: Words,
    rotated: Callable[[Words, int], Words],
    joined: Callable[[list[Words]], Words],
) -> Words:
    """The block function on states [16, L], four columns or diagonals of 4 x 4 words at a time."""
    a, b, c, d = (state[row : row + 4] for row in (0, 4, 8, 12))
    for _ in range(10):
        a, b, c, d = _quarter_rounds(a, b, c, d, rotated)
        b, c, d = (joined([x[k:], x[:k]]) for x, k in ((b, 1), (c, 2), (d, 3)))
        a, b, c, d = _quarter_rounds(a, b, c, d, rotated)
        b, c, d = (joined([x[k:], x[:k]]) for x, k in ((b, 3), (c, 2), (d, 1)))
    return joined([a, b, c, d]) + state


def _quarter_rounds(
    a: Words, b: Words, c: Words, d: Words, rotated: Callable[[Words, int], Words]
) -> tuple[Words, Words, Words, Words]:
    a = a + b
    d = rotated(d ^ a, 16)
    c = c + d
    b = rotated(b ^ c, 12)
    a = a + b
    d = rotated(d ^ a, 8)
    c = c + d
    b = rotated(b ^ c, 7)
    return a, b, c, d


def _rotated(words: Tensor, by: int) -> Tensor:
    """Rotate to the left; a shift to the right copies the sign, which is masked."""
    return (words << by) | ((words >> (32 - by)) & ((1 << by) - 1))


def _rotated_unsigned(words: NDArray[np.uint32], by: int) -> NDArray[np.uint32]:
    """Rotate to the left."""
    left: NDArray[np.uint32] = words << np.uint32(by)
    left |= words >> np.uint32(32 - by)
    return left
