"""A linear classifier on the frozen features of the marking network."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet
from taggant.marking.features import frozen_features
from taggant.marking.marker import Marker
from taggant.victim.classifier import Classifier


class LinearProbe(Classifier):
    """Logistic regression on φ(x): the first table of the radioactive-data paper.

    Features of training images are computed once, so an epoch is a pass over vectors. Its weights
    and the marker's features live in one space, so the white-box test needs no alignment (the
    alignment it makes is the identity).

    Parameters
    ----------
    marker : Marker
        φ, frozen; it is no part of the weights.
    classes, channels, image_size : int
        Facts of the data.
    **training
        See `Victim`; `weight_decay` is the usual L2 penalty.

    Raises
    ------
    ValueError
        With an augmentation: features are computed once.
    """

    differentiable: ClassVar[bool] = False
    scale: Tensor

    def __init__(
        self, marker: Marker, classes: int, channels: int, image_size: int, **training: Any
    ) -> None:
        if training.get("augment") is not None:
            raise ValueError("victim.augment: a probe computes features once, accepted is null")
        blank = torch.zeros(channels, image_size, image_size, dtype=torch.uint8)

        def net(classes: int, **_: object) -> nn.Module:
            layer = nn.Linear(marker.dimension(blank), classes)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            return layer

        super().__init__(net, classes, channels, image_size, **training)
        self.marker = marker
        self.register_buffer("scale", torch.zeros(()))  # until there are features to train on

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W], 0..255 -> logits [B, classes]."""
        return self._read(frozen_features(self.marker, images))

    def logits(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Logits float32 [B, classes] of a batch of features."""
        return self._read(batch[0]).float()

    def _read(self, features: Tensor) -> Tensor:
        logits: Tensor = self.net(features * self.scale)
        return logits

    def batches(
        self, data: ImageSet, seed: int, device: torch.device, plain: bool = False
    ) -> Batches:
        """Training batches of features; the first ones' size in the mean, a single number, is 1."""
        features = frozen_features(self.marker, data.images.to(device))
        if self.scale == 0:
            self.scale.copy_(1 / features.square().mean().sqrt().clamp(min=1e-12))
        return self.batches_of(features, self.targets(data), seed, device, None)
