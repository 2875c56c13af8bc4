"""Pictures of any size and mode, as a network takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from taggant.data.decode import square, to_image

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of a channel, of pixels of 0..1."""


class WithPreprocessing(nn.Module):
    """A network behind its preprocessing: takes pictures of any size and mode.

    Parameters
    ----------
    net : callable
        (float or uint8 squares [B, 3, size, size]) -> answers.
    size : int
    mean, std : sequence of float, optional
        Normalisation of pixels of 0..1; without, the net takes uint8.
    """

    def __init__(
        self,
        net: Callable[[Tensor], Tensor],
        size: int,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.size = size
        self.mean = None if mean is None else torch.tensor(mean).view(1, -1, 1, 1)
        self.std = None if std is None else torch.tensor(std).view(1, -1, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Pictures uint8 [B, C, H, W], C = 1 to 4, to answers."""
        inputs = squares(images, self.size).to(images.device)
        if self.mean is None or self.std is None:
            return self.net(inputs)
        pixels = inputs.float() / 255
        return self.net((pixels - self.mean.to(pixels.device)) / self.std.to(pixels.device))


def squares(images: Tensor, size: int) -> Tensor:
    """Pictures uint8 [B, C, H, W], C = 1 to 4, as a model takes them, uint8 [B, 3, size, size]."""
    return torch.stack([square(to_image(image), size) for image in images.cpu()])
