"""Radioactive data: move a class's images along one secret direction (arXiv 2002.00937)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vector_norm

from taggant.marking.class_wise import ClassWise
from taggant.marking.scheme import Parameters
from taggant.marking.stream import derive, unit_vectors


@dataclass(frozen=True, eq=False)
class Radioactive(ClassWise):
    """Version i of a set carries the i-th secret set of class carriers, its aims.

    For an image of class c the loss is

        -<φ(A(x')) - φ(A0(x)), u_c> + λ_ft ||φ(A(x')) - φ(A0(x))|| + λ_img ||x' - x||^2

    with A a fresh random window each step and A0 the centre. The schedule's defaults are those the
    reference code recommends.

    Detection from a model's last layer needs one index for all images of a set, drawn
    independently of the tested model.

    Parameters
    ----------
    lambda_ft : float
        λ_ft.
    angle : float, optional
        Half-angle of a detection cone in radians: then the first two terms are replaced by
        -ρ <.,u>|<.,u>| + ||.||^2 with ρ = 1 + tan^2(angle).
    **others
        See `ClassWise`.
    """

    lambda_ft: float = 0.01
    angle: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.angle is not None and not 0 < self.angle < math.pi / 2:
            raise ValueError(f"marking.angle = {self.angle}: accepted are 0 < angle < pi/2")

    def aims(self, secret: bytes, index: int, classes: Sequence[int], image: Tensor) -> Tensor:
        """The carriers."""
        return self.carriers(secret, index, classes, self.marker.dimension(image))

    def carriers(self, secret: bytes, index: int, classes: Sequence[int], dimension: int) -> Tensor:
        """u_c of set `index`, unit vectors float32 [len(classes), d]."""
        return torch.from_numpy(
            unit_vectors(derive(secret, f"class carriers/{index}"), list(classes), dimension)
        )

    def loss(self, features: Tensor, original: Tensor, aims: Tensor, change: Tensor) -> Tensor:
        """See `ClassWise.loss`; `aims` are u_c of each image's class."""
        shift = features - original
        along = (shift * aims).sum(1)
        length: Tensor = vector_norm(shift, dim=1)
        loss: Tensor = self.lambda_img * change.square().sum((1, 2, 3))
        if self.angle is None:
            return loss - along + self.lambda_ft * length
        rho = 1 + math.tan(self.angle) ** 2
        return loss - rho * along * along.abs() + length.square()

    def parameters(self) -> Parameters:
        """See `Scheme.parameters`."""
        own = {"scheme": "radioactive", "lambda_ft": self.lambda_ft, "angle": self.angle}
        return {**own, **super().parameters()}
