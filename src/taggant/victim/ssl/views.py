"""Several random views of every image of a batch, made together on the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from taggant.data.colour import ColourDistortion
from taggant.data.resized_crop import ResizedCrop


@dataclass(frozen=True)
class Views:
    """Random resized crops with colour distortion.

    Parameters
    ----------
    crop : ResizedCrop
    colour : ColourDistortion, optional
        Left out for images that have no colours.
    count : int
        Views of an image.
    """

    crop: ResizedCrop
    colour: ColourDistortion | None = None
    count: int = 2

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images uint8 [B, C, H, W] -> views uint8 [B, count, C, H, W]."""
        views = self.crop(images.repeat_interleave(self.count, 0), generator)
        if self.colour is not None and images.shape[1] == 3:
            pixels = self.colour(views.float().div_(255), generator)
            views = pixels.mul_(255).round_().to(images.dtype)
        stacked: Tensor = views.unflatten(0, (len(images), self.count))
        return stacked
