"""Random resized crops of whole batches on the device; every image draws its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ATTEMPTS = 10


@dataclass(frozen=True)
class ResizedCrop:
    """Crop a random window, stretch it to the image's size, flip left-right with probability 1/2.

    The windows and the bilinear interpolation are those of `torchvision.transforms.v2`'s
    ``RandomResizedCrop``, for square images; the images of a batch are cropped together, by two
    products with interpolation matrices.

    Parameters
    ----------
    scale : (float, float)
        Least and greatest area of the window, as a fraction of the image's.
    ratio : (float, float)
        Least and greatest width / height.
    flip : bool
        False for images whose mirror image means something else (digits, letters).

    Raises
    ------
    ValueError
        For scales outside 0..1, ratios that are not positive, or a range from high to low.
    """

    scale: Sequence[float] = (0.08, 1.0)
    ratio: Sequence[float] = (3 / 4, 4 / 3)
    flip: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ValueError(f"crop scale = {list(self.scale)}: accepted are 0 < low <= high <= 1")
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise ValueError(f"crop ratio = {list(self.ratio)}: accepted are 0 < low <= high")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augment images uint8 [B, C, H, W], each by a draw of its own."""
        return self.apply(images, self.draw(len(images), generator))

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Parameters of `count` augmentations, float32 [count, 5].

        Height and width as fractions of the image's, vertical and horizontal position in 0..1 of
        the room there is, mirrored (0 or 1).
        """

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, device=generator.device)

        area = self.scale[0] + (self.scale[1] - self.scale[0]) * uniform(count, ATTEMPTS)
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        ratio = (low + (high - low) * uniform(count, ATTEMPTS)).exp()
        sides = torch.stack([(area / ratio).sqrt(), (area * ratio).sqrt()], dim=2)
        fits = (sides <= 1).all(2)
        first = fits.int().argmax(1)  # of the attempts whose window lies in the image
        chosen = sides[torch.arange(count, device=sides.device), first]
        sizes = torch.where(fits.any(1, keepdim=True), chosen, torch.ones_like(chosen))
        mirrored = (uniform(count, 1) < 0.5 * self.flip).float()
        return torch.cat([sizes, uniform(count, 2), mirrored], dim=1)

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Apply augmentations `draws` [B, 5] to images uint8 [B, C, H, W], row by row."""
        height, width = images.shape[-2:]
        rows = _interpolation(draws[:, 0], draws[:, 2], height)
        columns = _interpolation(draws[:, 1], draws[:, 3], width)
        columns = torch.where(draws[:, 4, None, None] == 1, columns.flip(1), columns)
        stretched = rows[:, None] @ images.float() @ columns[:, None].mT
        return stretched.round_().to(images.dtype)


def _interpolation(size: Tensor, position: Tensor, length: int) -> Tensor:
    """Matrices [B, length, length] that stretch a window to `length` pixels, along one axis."""
    window = (size * length).round().clamp(min=1)[:, None]
    start = (position[:, None] * (length - window + 1)).floor()
    pixels = torch.arange(length, device=size.device, dtype=torch.float32)
    centre = ((pixels + 0.5) * window / length - 0.5).clamp(min=0).minimum(window - 1) + start
    return (1 - (centre[:, :, None] - pixels).abs()).clamp_(min=0)
