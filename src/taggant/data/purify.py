"""What a model's maker may do to every image to get rid of marks, in training and in use.

Each is a function of one image's pixels, uint8 [B, C, H, W] -> the same: asking twice gives the
same answer, and no image depends on its batch-mates.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.io import decode_jpeg, encode_jpeg
from torchvision.transforms.v2 import functional

KEY = 0x9E3779B97F4A7C15 >> 1  # an odd 63-bit constant: it spreads contents over seeds


@dataclass(frozen=True)
class Nothing:
    """Leave images as they are."""

    def __call__(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W] -> the same."""
        return images


@dataclass(frozen=True)
class Jpeg:
    """Compress and decompress.

    Parameters
    ----------
    quality : int
        1 (worst) to 100.
    """

    quality: int

    def __call__(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W], C of 1 or 3 -> the same."""
        files = encode_jpeg(list(images.cpu()), quality=self.quality)
        return torch.stack(decode_jpeg(files)).to(images.device)


@dataclass(frozen=True)
class Blur:
    """Gaussian blur.

    Parameters
    ----------
    sigma : float
        In pixels.
    """

    sigma: float

    def __call__(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W] -> the same."""
        side = 2 * max(1, round(3 * self.sigma)) + 1
        blurred: Tensor = functional.gaussian_blur(images, [side, side], [self.sigma, self.sigma])
        return blurred


@dataclass(frozen=True)
class Noise:
    """Gaussian noise, drawn from the image's content.

    Parameters
    ----------
    sd : float
        In grey levels of 255.
    """

    sd: float

    def __call__(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W] -> the same."""
        noise = self.sd * content_noise(images, images[0].numel()).view_as(images)
        return (images + noise).round().clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True)
class Resize:
    """Shrink, and enlarge again.

    Parameters
    ----------
    factor : float
        Side of the small image as a fraction of the large one's.
    """

    factor: float

    def __call__(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W] -> the same."""
        height, width = images.shape[-2:]
        small = [max(1, round(self.factor * side)) for side in (height, width)]
        shrunk = functional.resize(images, small, antialias=True)
        enlarged: Tensor = functional.resize(shrunk, [height, width], antialias=True)
        return enlarged


def content_noise(images: Tensor, size: int) -> Tensor:
    """Standard normal noise that follows from each image's pixels alone, float32 [B, size].

    Parameters
    ----------
    images : Tensor, uint8 [B, C, H, W]
    size : int
    """
    factors = torch.arange(1, images[0].numel() + 1) * KEY  # wraps around, as a hash may
    seeds = (images.cpu().flatten(1).long() * factors).sum(1)
    drawn = [
        torch.randn(size, generator=torch.Generator().manual_seed(seed & (2**63 - 1)))
        for seed in seeds.tolist()
    ]
    return torch.stack(drawn).to(images.device)
