"""Feature collisions: a class's images come to look, to a marker, like one secret picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.linalg import vector_norm
from torch.nn.functional import interpolate

from taggant.marking.class_wise import ClassWise
from taggant.marking.scheme import Parameters, Probing
from taggant.marking.stream import derive, uniforms

COARSE = 4
"""Colours along a side of a picture, between which it is smooth."""


@dataclass(frozen=True, eq=False)
class FeatureCollision(ClassWise, Probing):
    """Version i of a set makes each class collide with the i-th secret picture of that class.

    For an image of class c the loss is

        ||φ(A(x')) - φ(A0(t_c))|| + λ_img ||x' - x||^2

    with t_c a smooth field of secret colours. A model that learnt from the set should take t_c for
    an image of class c, which is what its owner asks. The idea is of poisons (Shafahi et al.,
    "Poison frogs", arXiv 1804.00792); as a signal of use it is a baseline.
    """

    def aims(self, secret: bytes, index: int, classes: Sequence[int], image: Tensor) -> Tensor:
        """Features of the pictures."""
        pictures = self.pictures(secret, index, classes, image.shape)
        return self.centred(pictures.to(image.device).float())

    def pictures(
        self, secret: bytes, index: int, classes: Sequence[int], shape: Sequence[int]
    ) -> Tensor:
        """t_c of set `index`, uint8 [len(classes), C, H, W], for images of `shape` [C, H, W]."""
        channels, *size = shape
        drawn = uniforms(
            derive(secret, f"pictures/{index}"), list(classes), channels * COARSE * COARSE
        )
        colours = torch.from_numpy((256 * drawn).astype(np.float32))
        coarse = colours.view(len(classes), channels, COARSE, COARSE)
        smooth = interpolate(coarse, size, mode="bilinear", align_corners=False)
        return smooth.floor().clamp(0, 255).to(torch.uint8)

    def loss(self, features: Tensor, original: Tensor, aims: Tensor, change: Tensor) -> Tensor:
        """See `ClassWise.loss`; where the features were plays no part."""
        distance: Tensor = vector_norm(features - aims, dim=1)
        return distance + self.lambda_img * change.square().sum((1, 2, 3))

    def probes(
        self, secret: bytes, index: int, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `Probing`; one picture a class, whatever the images."""
        classes = labels.unique()
        return self.pictures(secret, index, classes.tolist(), images.shape[1:]), classes

    def parameters(self) -> Parameters:
        """See `Scheme.parameters`."""
        return {"scheme": "feature_collision", **super().parameters()}
