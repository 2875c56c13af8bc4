"""Every image is cleaned before the model sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from taggant.data.imageset import ImageSet
from taggant.defence.defence import Defence

BATCH = 512


class Purified(Defence):
    """Cleans what is learned as well as what is asked.

    Parameters
    ----------
    purify : callable
        Images uint8 [B, C, H, W] -> the same, a function of each image alone; see
        `taggant.data.purify`.
    """

    edits: ClassVar[bool] = True

    def __init__(self, purify: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.purify = purify

    def learned(self, train: ImageSet, seed: int) -> ImageSet:
        """See `Defence.learned`: cleaned once, before any augmentation."""
        return replace(
            train, images=torch.cat([self.purify(part) for part in train.images.split(BATCH)])
        )

    def question(self, images: Tensor) -> Tensor:
        """See `Defence.question`."""
        return self.purify(images)
