"""VICReg: views of an image agree, while features vary over images and do not repeat each other."""

from __future__ import annotations

from typing import Any

from lightly.loss import VICRegLoss
from lightly.models.modules.heads import VICRegProjectionHead
from torch import Tensor

from taggant.victim.ssl.encoder import Encoder, both


class VICReg(Encoder):
    """Squared distance of two views, and penalties on small variance and on covariance.

    Parameters
    ----------
    invariance, variance, covariance : float
        Weights of the three terms.
    hidden, out : int
        Widths of the projector's layers.
    layers : int
        How many the projector has.
    **encoder
        See `Encoder`.

    Notes
    -----
    Source: Bardes et al., "VICReg: variance-invariance-covariance regularization for
    self-supervised learning" (2021).
    """

    def __init__(
        self,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        hidden: int = 8192,
        out: int = 8192,
        layers: int = 3,
        **encoder: Any,
    ) -> None:
        super().__init__(**encoder)
        self.head = VICRegProjectionHead(self.features, hidden, out, layers)
        self.criterion = VICRegLoss(invariance, variance, covariance)

    def loss(self, first: Tensor, second: Tensor) -> Tensor:
        """See `Encoder.loss`."""
        loss: Tensor = self.criterion(*both(self.project, first, second))
        return loss
