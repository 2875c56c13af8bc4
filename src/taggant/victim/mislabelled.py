"""Classifiers whose maker got some of the labels wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from taggant.data.assemble import draw_keys
from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet
from taggant.victim.classifier import Classifier


class Mislabelled(Classifier):
    """A classifier that learns some of its images, marked or not, under a wrong label.

    Which ones, and what they are called, follows from the training's seed alone. Pixels stay as
    they are, and audits go on comparing with the owner's labels.

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

    def __init__(self, label_noise: float, **classifier: Any) -> None:
        super().__init__(**classifier)
        if not 0 <= label_noise <= 1:
            raise ValueError(f"victim.label_noise = {label_noise}: accepted are 0 to 1")
        self.label_noise = label_noise

    def batches(self, data: ImageSet, seed: int, device: torch.device) -> Batches:
        """Training batches with the wrong labels among them."""
        labels = self.targets(data).clone()
        draws = torch.Generator().manual_seed(int(draw_keys(seed, "victim/labels", 1)[0] >> 32))
        chosen = torch.randperm(len(data), generator=draws)[: round(self.label_noise * len(data))]
        labels[chosen] = self.relabelled((data.images[chosen], labels[chosen]), draws)[1]
        return super().batches(replace(data, labels=labels), seed, device)
