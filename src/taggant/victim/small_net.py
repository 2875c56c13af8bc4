"""The default network: small, quick on a CPU, and able to learn a thousand images by heart."""

from __future__ import annotations

from torch import Tensor, nn


class SmallNet(nn.Module):
    """Six convolutions in three resolutions and a linear layer on the flattened map.

    Parameters
    ----------
    classes : int
        Number of classes.
    channels : int
        Channels of the images.
    image_size : int
        Side of the images in pixels, at least 8.
    width : int
        Channels of the first two layers; the number doubles at each halving of the map.
    dropout : float
        Chance of each number of the flattened map to be left out of a training step.

    Raises
    ------
    ValueError
        For an image size below 8.
    """

    def __init__(
        self,
        classes: int,
        channels: int = 3,
        image_size: int = 32,
        width: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if image_size < 8:
            raise ValueError(
                f"data.size = {image_size}: three halvings by SmallNet need 8 pixels or more"
            )
        w = width
        self.features = nn.Sequential(
            *conv(channels, w),
            *conv(w, w),
            nn.MaxPool2d(2),
            *conv(w, 2 * w),
            *conv(2 * w, 2 * w),
            nn.MaxPool2d(2),
            *conv(2 * w, 4 * w),
            *conv(4 * w, 4 * w),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4 * w * (image_size // 8) ** 2, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images float [B, C, H, W] -> logits float [B, classes]."""
        logits: Tensor = self.head(self.dropout(self.features(images)))
        return logits


def conv(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """A 3x3 convolution with batch norm and ReLU."""
    return (
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
