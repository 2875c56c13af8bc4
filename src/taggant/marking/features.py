"""Features of a frozen marker network, computed once an image."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from taggant.marking.launch import Recent
from taggant.marking.marker import Marker

LAUNCH = 256
"""Images per forward, the last launch padded: features depend on no neighbour's number."""
KEPT = Recent(1 << 30)
"""Features at hand in this process: a sweep's jobs share most of their images."""


def frozen_features(marker: Marker, images: Tensor) -> Tensor:
    """Features float32 [N, d], on the images' device.

    Parameters
    ----------
    marker : Marker
    images : Tensor, uint8 [N, C, H, W], 0..255
        Whole images; the marker resizes them to its own size.
    """
    network = (marker.digest, marker.size, marker.precision, str(images.device))
    pixels = images.cpu().contiguous().numpy()
    shape = pixels.shape[1:]
    keys = [(*network, shape, hashlib.sha256(image.tobytes()).digest()) for image in pixels]
    found = {key: KEPT.find(key) for key in keys}
    missing = {key: row for row, key in enumerate(keys) if found[key] is None}
    rows = list(missing.items())
    for start in range(0, len(rows), LAUNCH):
        part = rows[start : start + LAUNCH]
        chosen = [row for _, row in part] + [part[-1][1]] * (LAUNCH - len(part))
        made = marker.features(images[chosen].float())
        for (key, _), features in zip(part, made, strict=False):
            found[key] = KEPT.keep(key, features.clone())
    known = [features for key in keys if (features := found[key]) is not None]
    return torch.stack(known) if known else torch.zeros(0, marker.dimension(images[0]))
