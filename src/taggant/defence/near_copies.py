"""Which images are near-copies of each other."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

SIDE = 8


def thumbnails(images: Tensor) -> Tensor:
    """Mean grey levels of 8 x 8 cells of images uint8 [B, C, H, W]: float32 [B, 64 C]."""
    return adaptive_avg_pool2d(images.float(), SIDE).flatten(1)


def near(looks: Tensor, others: Tensor, distance: float) -> Tensor:
    """Whether thumbnails [B, D] and others [N, D] differ by less than a distance, bool [B, N].

    Parameters
    ----------
    looks, others : Tensor
        See `thumbnails`.
    distance : float
        Root mean square difference, in grey levels of 255.
    """
    close: Tensor = torch.cdist(looks, others) < distance * looks.shape[1] ** 0.5
    return close
