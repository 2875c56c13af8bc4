"""Classifiers whose maker cleans every image first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor

from taggant.victim.classifier import Classifier


class PurifiedInput(Classifier):
    """A classifier that sees cleaned images only, in training and whenever it is asked.

    Parameters
    ----------
    purify : callable
        Images uint8 [B, C, H, W] -> the same; see `taggant.data.purify`.
    **classifier
        See `Classifier`.
    """

    differentiable: ClassVar[bool] = False

    def __init__(self, purify: Callable[[Tensor], Tensor], **classifier: Any) -> None:
        super().__init__(**classifier)
        self.purify = purify

    def pixels(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W] -> cleaned, normalised, channels last."""
        return super().pixels(self.purify(images))
