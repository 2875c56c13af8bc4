"""Copies of a picture, resized or compressed anew: found by a perceptual hash of 256 bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import StringConstraints
from torch import Tensor

Likeness = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""The hash, in lower-case hex."""
SIDE = 16
NEAR = 56
"""Bits in which a copy may differ. Photographs of 150 to 640 pixels (40 tried) that were halved,
compressed (JPEG 60 to 95), marked, or all of that, differed in 42 at most; of 1.1 million pairs of
different photographs one in 100,000 in 90 or fewer. Very small copies (16 pixels of 32) can be
missed."""
AT_ONCE = 1024
ENOUGH = 256
"""Pixels of the shorter side to which a larger picture is reduced first."""


def likeness(pixels: Tensor) -> str:
    """What a picture looks like.

    Parameters
    ----------
    pixels : Tensor, uint8 [C, H, W], 0..255
    """
    colours = pixels[: len(pixels) - int(len(pixels) in (2, 4))]
    factor = max(1, min(pixels.shape[1:]) // ENOUGH)
    bands = [Image.fromarray(band.numpy()).reduce(factor) for band in colours]  # one at a time
    small = bands[0] if len(bands) == 1 else Image.merge("RGB", bands)
    return str(imagehash.phash(small, SIDE))


def copies(new: Sequence[str], known: Sequence[str]) -> list[int | None]:
    """Which of the known pictures each new one may be a copy of: the most alike, if any.

    Parameters
    ----------
    new, known : sequence of str
        As `likeness` gives them.
    """
    if not known:
        return [None] * len(new)
    found: list[int | None] = []
    others = _bits(known)
    for start in range(0, len(new), AT_ONCE):
        own = _bits(new[start : start + AT_ONCE])
        far = own @ (1 - others).T + (1 - own) @ others.T
        best = far.argmin(1)
        found += [int(k) if far[row, k] <= NEAR else None for row, k in enumerate(best)]
    return found


def _bits(hashes: Sequence[str]) -> NDArray[np.float32]:
    octets = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, SIDE**2 // 8)
    return np.unpackbits(octets, axis=1).astype(np.float32)
