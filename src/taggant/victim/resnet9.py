"""A small residual network for images up to 64 px."""

from __future__ import annotations

from torch import Tensor, nn

from taggant.victim.small_net import conv


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*conv(width, width), *conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Feature map [B, width, H, W] -> the same shape."""
        change: Tensor = self.body(x)
        return x + change


class ResNet9(nn.Module):
    """Eight convolutions and a linear layer, as in the DAWNBench entries.

    Parameters
    ----------
    classes : int
        Number of classes.
    channels : int
        Channels of the images.
    image_size : int
        Side of the images in pixels. Every net is given it; this one takes any size from 8 up.
    width : int
        Channels of the first layer; the last has eight times as many.
    """

    def __init__(
        self, classes: int, channels: int = 3, image_size: int = 32, width: int = 16
    ) -> None:
        super().__init__()
        if image_size < 8:
            raise ValueError(
                f"data.size = {image_size}: three halvings by ResNet9 need 8 pixels or more"
            )
        w = width
        self.features = nn.Sequential(
            *conv(channels, w),
            *conv(w, 2 * w),
            nn.MaxPool2d(2),
            _Residual(2 * w),
            *conv(2 * w, 4 * w),
            nn.MaxPool2d(2),
            *conv(4 * w, 8 * w),
            nn.MaxPool2d(2),
            _Residual(8 * w),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(8 * w, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images float [B, C, H, W] -> logits float [B, classes]."""
        logits: Tensor = self.head(self.features(images))
        return logits
