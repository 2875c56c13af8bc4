"""Colour distortion of whole batches on the device; every image draws its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LUMA = (0.2989, 0.587, 0.114)
ORDERS = 4


@dataclass(frozen=True)
class ColourDistortion:
    """SimCLR's colour distortion: jitter with probability .8, then grey with probability .2.

    Brightness, contrast, saturation and hue change as `torchvision.transforms.v2`'s
    ``ColorJitter(.8 s, .8 s, .8 s, .2 s)`` changes them. Strengths are drawn per image; the order
    of the four is drawn anew for each of four parts of a batch, so that a batch is not looped over.

    Parameters
    ----------
    strength : float
        s, 0..1; .5 is the paper's for images of CIFAR's size.
    jitter, grey : float
        Probabilities.

    Raises
    ------
    ValueError
        For values outside 0..1.

    Notes
    -----
    Source: Chen et al., "A simple framework for contrastive learning of visual representations"
    (2020), appendix A.
    """

    strength: float = 0.5
    jitter: float = 0.8
    grey: float = 0.2

    def __post_init__(self) -> None:
        for name in ("strength", "jitter", "grey"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"colour.{name} = {getattr(self, name)}: accepted are 0 to 1")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Distort images float [B, 3, H, W], 0..1, each by a draw of its own."""
        device, count = images.device, len(images)
        chance = torch.rand(6, count, 1, 1, 1, generator=generator, device=device)
        reach = 0.8 * self.strength
        factors = 1 - reach + 2 * reach * chance[:3]
        turn = 0.2 * self.strength * (2 * chance[3] - 1)
        parts = torch.arange(count, device=device).chunk(ORDERS)
        done = [_jitter(images[part], factors[:, part], turn[part], generator) for part in parts]
        images = torch.where(chance[4] < self.jitter, torch.cat(done), images)
        return torch.where(chance[5] < self.grey, luma(images).expand_as(images), images)


def _jitter(images: Tensor, factors: Tensor, turn: Tensor, generator: torch.Generator) -> Tensor:
    changes: list[Callable[[Tensor], Tensor]] = [
        lambda x: blend(x, torch.zeros_like(x), factors[0]),
        lambda x: blend(x, luma(x).mean((1, 2, 3), keepdim=True), factors[1]),
        lambda x: blend(x, luma(x), factors[2]),
        lambda x: turn_hue(x, turn),
    ]
    for index in torch.randperm(4, generator=generator, device=generator.device).tolist():
        images = changes[index](images)
    return images


def luma(images: Tensor) -> Tensor:
    """Grey values [B, 1, H, W] of images [B, 3, H, W]."""
    weight = torch.tensor(LUMA, device=images.device).view(1, 3, 1, 1)
    return (images * weight).sum(1, keepdim=True)


def blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """``factor`` of the images and the rest of `other`, cut to 0..1."""
    return torch.lerp(other.expand_as(images), images, factor).clamp_(0, 1)


def turn_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of images [B, 3, H, W], 0..1, by `turn` (1 is a whole circle)."""
    value, top = images.max(1)
    chroma = value - images.amin(1)
    red, green, blue = images.unbind(1)
    safe = torch.where(chroma == 0, 1.0, chroma)
    sixth = torch.stack([green - blue, blue - red, red - green], 1) / safe[:, None]
    hue = sixth.gather(1, top[:, None]) + 2 * top[:, None]
    offsets = torch.tensor([5.0, 3.0, 1.0], device=images.device).view(1, 3, 1, 1)
    k = (offsets + hue + 6 * turn).remainder(6)
    return value[:, None] - chroma[:, None] * torch.minimum(k, 4 - k).clamp(0, 1)
