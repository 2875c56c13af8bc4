"""Noise on images whose draws can be kept: it asks a model about the surroundings of an image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Probe:
    """Gaussian noise, the same on whatever image it is applied to.

    Small noise leaves what a model knows of an image as it is, and draws anew what follows from
    every single pixel, such as noise on its answers. Large noise makes its label flip: a share of
    labels that stay tells how far the image lies from where they do.

    Parameters
    ----------
    size : float
        Standard deviation in grey levels of 255, above 0.
    cell : int
        Side of the squares of pixels that get the same noise; 1 for each pixel its own.
    steps : int
        Sizes of each noise: 1/steps, 2/steps, ... of `size`, one after the other. The share of them
        at which a label stays is the distance at which it flips, in units of `size`.

    Raises
    ------
    ValueError
        For values that are not accepted.
    """

    size: float
    cell: int = 1
    steps: int = 1

    def __post_init__(self) -> None:
        if not self.size > 0 or self.cell < 1 or self.steps < 1:
            raise ValueError(
                f"score.augment: size = {self.size}, cell = {self.cell}, steps = {self.steps}: "
                "accepted are size > 0, and cell and steps from 1"
            )

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Parameters (seed of the noise, step) of `count` probes, int64 [count, 2]."""
        device = generator.device
        noises = -(-count // self.steps)
        seeds = torch.randint(1 << 31, (noises,), generator=generator, device=device)
        steps = torch.arange(1, self.steps + 1, device=device).repeat(noises)
        return torch.stack([seeds.repeat_interleave(self.steps), steps], 1)[:count]

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Put noises `draws` [B, 2] on images uint8 [B, C, H, W], row by row."""
        seeds, rows = draws[:, 0].cpu().unique(return_inverse=True)
        noises = torch.stack([self._noise(images.shape[1:], seed) for seed in seeds.tolist()])
        sizes = self.size * draws[:, 1].to(images.device).view(-1, 1, 1, 1) / self.steps
        noisy = images + sizes * noises[rows].to(images.device)
        return noisy.round().clamp(0, 255).to(torch.uint8)

    def _noise(self, shape: torch.Size, seed: int) -> Tensor:
        return normal_cells(shape, self.cell, torch.Generator().manual_seed(seed))


class Added:
    """Pixels that are added to an image; which, a view set says (`score/view_set=nearest`)."""

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Add draws int16 [B, C, H, W] to images uint8 [B, C, H, W]."""
        return (images + draws).clamp(0, 255).to(torch.uint8)


def normal_cells(shape: torch.Size, cell: int, generator: torch.Generator) -> Tensor:
    """Standard normal noise [C, H, W], the same within squares of `cell` pixels a side."""
    channels, height, width = shape
    cells = channels, -(-height // cell), -(-width // cell)
    drawn = torch.randn(cells, generator=generator)
    for side in (1, 2):
        drawn = drawn.repeat_interleave(cell, side)
    return drawn[:, :height, :width]
