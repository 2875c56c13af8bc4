"""Augmentations of whole batches on the device; every image draws its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad as pad_images


class Redrawn(Protocol):
    """An augmentation whose draws can be kept, and applied to other images again."""

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Parameters of `count` augmentations, [count, ...]."""

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Apply augmentations `draws` [B, ...] to images uint8 [B, C, H, W], row by row."""


@dataclass(frozen=True)
class CropFlip:
    """Shift by up to `pad` pixels in each direction, flip left-right with probability 1/2.

    Parameters
    ----------
    pad : int
        Largest shift in pixels; what moves in is the reflected border.
    flip : bool
        False for images whose mirror image means something else (digits, letters).
    """

    pad: int = 4
    flip: bool = True

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augment images uint8 [B, C, H, W], each by a draw of its own."""
        return self.apply(images, self.draw(len(images), generator))

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Parameters (down, right, mirrored) of `count` augmentations, int64 [count, 3]."""
        device = generator.device
        shift = torch.randint(2 * self.pad + 1, (count, 2), generator=generator, device=device)
        mirrored = torch.randint(2, (count, 1), generator=generator, device=device)
        return torch.cat([shift, mirrored * int(self.flip)], dim=1)

    def every(self) -> Tensor:
        """Parameters of all augmentations there are, int64 [count, 3]."""
        shift = torch.arange(2 * self.pad + 1)
        return torch.cartesian_prod(shift, shift, torch.arange(1 + int(self.flip)))

    def stratified(self, count: int, generator: torch.Generator) -> Tensor:
        """Parameters of augmentations that are spread evenly, int64 [count, 3].

        A Latin hypercube: of `count` equal parts of the shifts in a direction each is drawn from
        once, and half of the images are mirrored. Each row alone is distributed as in `draw`.
        """
        device = generator.device
        orders = [torch.randperm(count, generator=generator, device=device) for _ in range(3)]
        within = torch.rand(2, count, generator=generator, device=device, dtype=torch.float64)
        parts = (torch.stack(orders[:2]) + within) / count
        shifts = (parts * (2 * self.pad + 1)).long().clamp(max=2 * self.pad)
        coin = torch.randint(2, (1,), generator=generator, device=device)
        mirrored = (orders[2] + coin) % 2 * int(self.flip)
        return torch.cat([shifts, mirrored[None]]).T.contiguous()

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Apply augmentations `draws` [B, 3] to images [B, C, H, W], row by row."""
        count, channels, height, width = images.shape
        padded = pad_images(images.float(), [self.pad] * 4, mode="reflect").to(images.dtype)
        rows = draws[:, :1] + torch.arange(height, device=images.device)
        columns = torch.arange(width, device=images.device).expand(count, width)
        columns = torch.where(draws[:, 2:] == 1, width - 1 - columns, columns) + draws[:, 1:2]
        instance = torch.arange(count, device=images.device).view(-1, 1, 1, 1)
        channel = torch.arange(channels, device=images.device).view(1, -1, 1, 1)
        return padded[instance, channel, rows[:, None, :, None], columns[:, None, None, :]]
