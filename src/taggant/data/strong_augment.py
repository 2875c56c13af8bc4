"""Augmentations beyond shifts and mirror images; every image of a batch draws its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms import v2

from taggant.data.batches import Augment


@dataclass(frozen=True)
class Jitter:
    """Brightness, contrast and saturation, each by a factor within 1 ± `strength`.

    Parameters
    ----------
    strength : float
        0..1.

    Raises
    ------
    ValueError
        For another.
    """

    strength: float

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise ValueError(
                f"victim.augment.strength = {self.strength}: accepted are numbers from 0 to 1"
            )

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augment images uint8 [B, C, H, W]."""
        draws = torch.rand(3, len(images), 1, 1, 1, generator=generator, device=generator.device)
        bright, contrast, colour = (1 + self.strength * (2 * draws - 1)).to(images.device)
        pixels = images.float() * bright
        grey = pixels.mean((1, 2, 3), keepdim=True)
        pixels = grey + contrast * (pixels - grey)
        luma = pixels.mean(1, keepdim=True)
        pixels = luma + colour * (pixels - luma)
        jittered: Tensor = pixels.round().clamp(0, 255).to(torch.uint8)
        return jittered


@dataclass(frozen=True)
class Cutout:
    """A square of mid-grey somewhere on the image (arXiv 1708.04552).

    Parameters
    ----------
    side : float
        Of the square, as a fraction of the image's.
    """

    side: float

    def __post_init__(self) -> None:
        if not 0 < self.side <= 1:
            raise ValueError(
                f"victim.augment.side = {self.side}: accepted are numbers above 0, up to 1"
            )

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augment images uint8 [B, C, H, W]."""
        height, width = images.shape[-2:]
        centres = torch.rand(2, len(images), 1, generator=generator, device=generator.device)
        down, across = (
            (torch.arange(size) + 0.5 - centre.cpu() * size).abs() < self.side * size / 2
            for size, centre in zip((height, width), centres, strict=True)
        )
        inside = (down[:, None, :, None] & across[:, None, None, :]).to(images.device)
        return images.masked_fill(inside, 128)


@dataclass(frozen=True)
class RandAugmented:
    """RandAugment (arXiv 1909.13719) of torchvision, drawn once for every few images of a batch.

    Parameters
    ----------
    ops, magnitude : int
        Operations in a row, and how strong, 0..30.
    together : int
        Images that share a draw; a batch has several.
    """

    ops: int = 2
    magnitude: int = 9
    together: int = 5

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augment images uint8 [B, C, H, W]."""
        augment = v2.RandAugment(self.ops, self.magnitude)
        with torch.random.fork_rng(devices=[]):
            seed = torch.randint(2**62, (1,), generator=generator, device=generator.device)
            torch.manual_seed(int(seed))
            return torch.cat([augment(few) for few in images.split(self.together)])


class Chain:
    """Several augmentations, one after the other.

    Parameters
    ----------
    parts : sequence of callable
    """

    def __init__(self, parts: Sequence[Augment]) -> None:
        self.parts = tuple(parts)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augment images uint8 [B, C, H, W]."""
        for part in self.parts:
            images = part(images, generator)
        return images
