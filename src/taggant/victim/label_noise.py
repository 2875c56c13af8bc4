"""Classifiers whose maker got some of the labels wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet
from taggant.victim.classifier import Classifier


class LabelNoise(Classifier):
    """A classifier that learns some of its images, marked or not, under a wrong label.

    Which ones, and what they are called, follows from the training's seed and the images' ids: a
    request to forget some of them finds the labels that were learned. Pixels stay as they are, and
    audits go on comparing with the owner's labels.

    Parameters
    ----------
    label_noise : float
        Share of the training images with a wrong label, 0..1.
    **classifier
        See `Classifier`.

    Raises
    ------
    ValueError
        For another share.
    """

    mistakes: Tensor
    """Of the training: its seed, and the key below which an image's label is wrong; int64 [2]."""

    def __init__(self, label_noise: float, **classifier: Any) -> None:
        super().__init__(**classifier)
        if not 0 <= label_noise <= 1:
            raise ValueError(f"victim.label_noise = {label_noise}: accepted are 0 to 1")
        self.label_noise = label_noise
        self.register_buffer("mistakes", torch.tensor([-1, 0]))  # until there is a training

    def batches(
        self, data: ImageSet, seed: int, device: torch.device, plain: bool = False
    ) -> Batches:
        """Training batches with the wrong labels among them, see `Victim.batches`."""
        if self.mistakes[0] < 0:
            count = round(self.label_noise * len(data))
            limit = np.sort(_keys(seed, data.ids))[count - 1] + 1 if count else 0
            self.mistakes.copy_(torch.tensor([seed, limit]))
        learned_seed, limit = self.mistakes.tolist()
        keys = torch.from_numpy(_keys(learned_seed, data.ids))
        labels, shift = self.targets(data), 1 + keys % max(1, self.classes - 1)
        called = torch.where(keys < limit, (labels + shift) % self.classes, labels)
        return super().batches(replace(data, labels=called), seed, device, plain)


def _keys(seed: int, ids: Sequence[str]) -> NDArray[np.int64]:
    """Uniform numbers below 2^62, a function of (seed, id)."""
    texts = (f"victim/labels/{seed}/{i}".encode() for i in ids)
    words = [hashlib.sha256(text).digest()[:8] for text in texts]
    return np.array([int.from_bytes(word, "big") >> 2 for word in words], np.int64)
