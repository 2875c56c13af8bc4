"""What is learned is chosen, or added to."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from taggant.data.imageset import ImageSet
from taggant.defence.defence import Defence
from taggant.defence.near_copies import near, thumbnails


class Filtered(Defence):
    """Leaves out the images with the most grain: marks are grain, and so is much else.

    Parameters
    ----------
    share : float
        Of the training images, 0..1.
    """

    edits: ClassVar[bool] = True

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0 <= share < 1:
            raise ValueError(f"defence.filter.share = {share}: accepted are numbers from 0 to 1")
        self.share = share

    def learned(self, train: ImageSet, seed: int) -> ImageSet:
        """See `Defence.learned`."""
        order = _grain(train.images).argsort(stable=True)
        kept = order[: len(train) - round(self.share * len(train))].sort().values
        return train.select(kept.tolist())


class Deduplicated(Defence):
    """Leaves out every image that has a near-copy before it.

    Parameters
    ----------
    distance : float
        Root mean square difference of thumbnails of 8 x 8 pixels, in grey levels of 255, below
        which two images are near-copies.
    """

    edits: ClassVar[bool] = True

    def __init__(self, distance: float) -> None:
        super().__init__()
        self.distance = distance

    def learned(self, train: ImageSet, seed: int) -> ImageSet:
        """See `Defence.learned`."""
        looks = thumbnails(train.images)
        kept = []
        for start in range(0, len(looks), 512):
            rows = torch.arange(start, min(start + 512, len(looks)))
            close = near(looks[rows], looks, self.distance)
            kept.append(~close.tril(start - 1).any(1))  # none before it
        return train.select(torch.cat(kept).nonzero()[:, 0].tolist())


class Blended(Defence):
    """Learns blends of two images of one class in place of a share of the images themselves.

    Parameters
    ----------
    share : float
        Of the training images that are replaced, 0..1.
    """

    edits: ClassVar[bool] = True

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0 <= share <= 1:
            raise ValueError(f"defence.blending.share = {share}: accepted are numbers from 0 to 1")
        self.share = share

    def learned(self, train: ImageSet, seed: int) -> ImageSet:
        """See `Defence.learned`; images without labels are all of one class."""
        draws = np.random.default_rng(seed)
        labels = np.zeros(len(train)) if train.labels is None else train.labels.numpy()
        chosen = draws.permutation(len(train))[: round(self.share * len(train))]
        images = train.images.clone()
        for row in chosen.tolist():
            other = int(draws.choice(np.flatnonzero(labels == labels[row])))
            both = train.images[[row, other]].float().mean(0)
            images[row] = both.round().to(torch.uint8)
        return replace(train, images=images)


def _grain(images: Tensor) -> Tensor:
    """Mean square of what a blur by 3 x 3 takes away, [N]."""
    pixels = images.float()
    smooth = avg_pool2d(pixels, 3, 1, 1, count_include_pad=False)
    return (pixels - smooth).square().mean((1, 2, 3))
