"""Pictures of any size and mode, as a network takes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from taggant.data.decode import opaque, square, to_image

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of a channel, of pixels of 0..1."""
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
"""How pictures may be resized; each with antialiasing but the first."""
LARGEST = 4096


@dataclass(frozen=True)
class Preprocessing:
    """Pictures of any size and mode to what a network takes.

    Parameters
    ----------
    size : int
        Side of its input in pixels.
    mean, std : tuple of float, optional
        Of its input, a number each channel, for pixels of 0..1. Without, it takes uint8.
    interpolation : str
        One of `INTERPOLATIONS`.
    edge : int, optional
        The picture is resized until its shorter side is so long, and the central square of `size`
        is cut out. Without, the central square is cut out, and resized.
    squash : bool
        Height and width are each resized: to `edge`, before the square is cut out, or to `size`.

    Raises
    ------
    ValueError
        For numbers out of range, or another interpolation.
    """

    size: int = 224
    mean: tuple[float, ...] | None = IMAGENET[0]
    std: tuple[float, ...] | None = IMAGENET[1]
    interpolation: str = "bicubic"
    edge: int | None = None
    squash: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.size <= LARGEST:
            raise ValueError(f"size = {self.size}: accepted are 1 to {LARGEST} pixels")
        if self.interpolation not in INTERPOLATIONS:
            accepted = ", ".join(INTERPOLATIONS)
            raise ValueError(f"interpolation = {self.interpolation!r}: accepted are {accepted}")
        if self.edge is not None and not self.size <= self.edge <= 2 * LARGEST:
            raise ValueError(
                f"edge = {self.edge}: accepted are {self.size} to {2 * LARGEST} pixels"
            )
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std: accepted are both, or neither (a model of uint8)")
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if numbers is not None and (len(numbers) != 3 or not all(map(math.isfinite, numbers))):
                raise ValueError(f"{name} = {list(numbers)}: accepted are three numbers")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(f"std = {list(self.std)}: accepted are positive numbers")

    def __call__(self, images: Tensor) -> Tensor:
        """Pictures uint8 [B, C, H, W], C = 1 to 4, to [B, 3, size, size], on their device."""
        pixels = torch.stack([self._fitted(image) for image in images.cpu()]).to(images.device)
        if self.mean is None or self.std is None:
            return pixels
        mean, std = (torch.tensor(n, device=images.device) for n in (self.mean, self.std))
        return (pixels.float() / 255 - mean.view(1, -1, 1, 1)) / std.view(1, -1, 1, 1)

    def _fitted(self, pixels: Tensor) -> Tensor:
        image, resample = opaque(to_image(pixels)), INTERPOLATIONS[self.interpolation]
        edge, short = self.edge or self.size, min(image.size)
        if self.squash:
            image = cut_out(image.resize((edge, edge), resample), self.size)
        elif self.edge is not None:
            width, height = (edge * side // short for side in image.size)
            image = cut_out(image.resize((width, height), resample), self.size)
        else:
            image = cut_out(image, short)
            if short != self.size:
                image = image.resize((self.size, self.size), resample)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def cut_out(image: Image.Image, side: int) -> Image.Image:
    """The central square of an image; of two that are equally central, as torchvision has it."""
    left, top = (round((length - side) / 2) for length in image.size)
    return image.crop((left, top, left + side, top + side))


class WithPreprocessing(nn.Module):
    """A network behind its preprocessing: takes pictures of any size and mode.

    Parameters
    ----------
    net : callable
        What `preprocessing` gives -> answers.
    preprocessing : callable
        Pictures uint8 [B, C, H, W] -> what `net` takes; a `Preprocessing`, say.
    """

    def __init__(
        self, net: Callable[[Tensor], Tensor], preprocessing: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.net = net
        self.preprocessing = preprocessing

    def forward(self, images: Tensor) -> Tensor:
        """Pictures uint8 [B, C, H, W], C = 1 to 4, to answers."""
        return self.net(self.preprocessing(images))


def squares(images: Tensor, size: int) -> Tensor:
    """Pictures uint8 [B, C, H, W], C = 1 to 4, to their central squares uint8 [B, 3, size, size].

    For adapters of endpoints that take squares.
    """
    return torch.stack([square(to_image(image), size) for image in images.cpu()])
