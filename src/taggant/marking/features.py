"""Features of a frozen marker network, computed once an image."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from taggant.marking.batching import ByteBudgetCache, in_lanes
from taggant.marking.marker import Marker

BATCH = 256
"""Images per forward, the last batch padded: features depend on no neighbour's number."""
FEATURES = ByteBudgetCache(1 << 30)
"""Features at hand in this process: a sweep's jobs share most of their images."""


def frozen_features(marker: Marker, images: Tensor) -> Tensor:
    """Features float32 [N, d], on the images' device.

    Parameters
    ----------
    marker : Marker
    images : Tensor, uint8 [N, C, H, W], 0..255
        Whole images; the marker resizes them to its own size.
    """
    if not len(images):
        return torch.zeros(0, marker.dimension(images.new_zeros(images.shape[1:])))
    network = (*marker.parameters().values(), str(images.device))
    pixels = images.cpu().contiguous().numpy()
    shape = pixels.shape[1:]
    keys = [(*network, shape, hashlib.sha256(image.tobytes()).digest()) for image in pixels]
    return torch.stack(
        in_lanes(keys, BATCH, FEATURES, lambda rows: marker.features(images[rows].float()))
    )
