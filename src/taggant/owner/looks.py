"""What is kept of a picture to compare it with its published version, when its pixels are gone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from taggant.marking.quality import Quality, quality
from taggant.owner import pictures

LARGEST_COMPARED = 256
"""Quality is measured on a square of at most this side, in the middle of what is seen."""
SHOWN = 640
"""Longer side of a picture of the contact sheet, about."""
SQUARE = 8
"""Pixels of a square of the checkerboard that shows through."""


@dataclass(frozen=True)
class Look:
    """A picture as it looks.

    Attributes
    ----------
    middle : Tensor, uint8 [C, h, w]
        Its colours, C = 1 or 3, in the middle of what is seen.
    seen : Tensor, bool [h, w]
        Where these are not fully transparent.
    small : PIL image or None
        All of it, on a checkerboard.
    """

    middle: Tensor
    seen: Tensor
    small: Image.Image | None

    @classmethod
    def of(cls, pixels: Tensor, with_small: bool) -> Look:
        """The look of pixels uint8 [C, H, W]."""
        colours = len(pixels) - pictures.has_alpha(pixels)
        rows, columns = _middle(pixels)
        part = pixels[:, rows, columns].clone()
        alpha = part[colours:]
        seen = alpha[0] > 0 if len(alpha) else torch.ones(part.shape[1:], dtype=torch.bool)
        return cls(part[:colours], seen, on_checkerboard(_shrunk(pixels)) if with_small else None)


def compare(raw: Look, published: Look) -> Quality:
    """How visible a mark is where somebody sees it; elsewhere pixels are equal, and do not count.

    `Quality` of 100 dB where nobody sees anything.
    """
    seen = float(raw.seen.float().mean())
    if seen == 0:
        return Quality(100.0, 1.0, 0)
    own = torch.where(raw.seen, published.middle, raw.middle)
    whole = quality(raw.middle[None], own[None])
    if whole.linf == 0:
        return whole
    return Quality(whole.psnr + 10 * math.log10(seen), 1 - (1 - whole.ssim) / seen, whole.linf)


def on_checkerboard(image: Image.Image) -> Image.Image:
    """An image as RGB, with a checkerboard where it is transparent."""
    if image.mode not in ("LA", "RGBA"):
        return image.convert("RGB")
    rows, columns = (torch.arange(size) // SQUARE for size in (image.height, image.width))
    board = (255 - 51 * ((rows[:, None] + columns) % 2)).to(torch.uint8)
    ground = Image.fromarray(board.numpy()).convert("RGBA")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def _middle(pixels: Tensor) -> tuple[slice, slice]:
    """A square of pixels around the middle of what is not fully transparent."""
    if not pictures.has_alpha(pixels):
        return _around(0, pixels.shape[1]), _around(0, pixels.shape[2])
    seen = pixels[-1] > 0
    rows, columns = (seen.any(side).nonzero().flatten().tolist() for side in (1, 0))
    if not rows:
        return slice(LARGEST_COMPARED), slice(LARGEST_COMPARED)
    return _around(rows[0], rows[-1] + 1), _around(columns[0], columns[-1] + 1)


def _around(first: int, end: int) -> slice:
    start = first + max(0, (end - first - LARGEST_COMPARED) // 2)
    return slice(start, min(end, start + LARGEST_COMPARED))


def _shrunk(pixels: Tensor) -> Image.Image:
    """All of a picture by means of squares; one channel at a time, as it may be large."""
    step = max(1, max(pixels.shape[1:]) // SHOWN)
    bands = [Image.fromarray(band.numpy()).reduce(step) for band in pixels]
    return bands[0] if len(bands) == 1 else Image.merge(pictures.MODES[len(bands)], bands)
