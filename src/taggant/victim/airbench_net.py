"""A convolutional network with a whitening first layer, made for training CIFAR-10 quickly."""

from __future__ import annotations

import torch
from torch import Tensor, nn

PATCH = 2
"""Side of the patches that the first layer whitens, in pixels."""
LEAST = 1e-5
"""Added to the power along a direction before it is scaled to one."""
AT_ONCE = 1 << 22
"""Pixel values whose patches are looked at together: of images of any size in bounded memory."""


class AirbenchNet(nn.Module):
    """Seven convolutions and a linear layer: the network of airbench94 (arXiv 2404.00498).

    Parameters
    ----------
    classes : int
        Number of classes.
    channels : int
        Channels of the images.
    image_size : int
        Side of the images in pixels, at least 9.
    width : int
        Channels of the first of three groups; the others have four times as many. 64 in the paper.
    scale : float
        Of the logits.

    Raises
    ------
    ValueError
        For an image size below 9.
    """

    def __init__(
        self,
        classes: int,
        channels: int = 3,
        image_size: int = 32,
        width: int = 64,
        scale: float = 1 / 9,
    ) -> None:
        super().__init__()
        if image_size < 9:
            raise ValueError(
                f"data.size = {image_size}: a 2x2 layer and three halvings by AirbenchNet need "
                "9 pixels or more"
            )
        whitened = 2 * channels * PATCH**2
        self.whitening = nn.Conv2d(channels, whitened, PATCH)
        assert self.whitening.bias is not None
        nn.init.zeros_(self.whitening.bias)
        self.features = nn.Sequential(
            nn.GELU(),
            *_group(whitened, width),
            *_group(width, 4 * width),
            *_group(4 * width, 4 * width),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(4 * width, classes, bias=False)
        self.scale = scale

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images float [B, C, H, W] -> logits float [B, classes]."""
        logits: Tensor = self.head(self.features(self.whitening(images)))
        return logits * self.scale

    @torch.no_grad()
    def whiten(self, images: Tensor) -> None:
        """Set the first layer so that its outputs are uncorrelated over patches of these images.

        Each principal direction of the patches is scaled to unit power, with either sign.

        Parameters
        ----------
        images : Tensor, float [N, C, H, W]
            Normalised.
        """
        total, count = torch.zeros((), dtype=torch.float64, device=images.device), 0
        for part in images.split(max(1, AT_ONCE // images[0].numel())):
            patches = nn.functional.unfold(part, PATCH).transpose(1, 2).flatten(0, 1).double()
            total, count = total + patches.T @ patches, count + len(patches)
        power, directions = torch.linalg.eigh(total / count)
        scaled = (directions / torch.sqrt(power + LEAST)).T.flip(0)
        filters = torch.cat([scaled, -scaled]).view_as(self.whitening.weight)
        self.whitening.weight.copy_(filters)


def _group(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """Two convolutions with a halving between them."""
    return (
        _conv(inputs, outputs),
        nn.MaxPool2d(2),
        _norm(outputs),
        nn.GELU(),
        _conv(outputs, outputs),
        _norm(outputs),
        nn.GELU(),
    )


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution whose first channels start as copies of its inputs."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight.data[:inputs])
    return conv


def _norm(channels: int) -> nn.BatchNorm2d:
    """Batch norm that learns a shift only."""
    norm = nn.BatchNorm2d(channels, eps=1e-12, momentum=0.4)
    norm.weight.requires_grad_(False)
    return norm
