"""SimCLR: two views of an image are contrasted with all other images of the batch."""

from __future__ import annotations

from typing import Any

from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from torch import Tensor

from taggant.victim.ssl.encoder import Encoder, both


class SimCLR(Encoder):
    """Normalised temperature-scaled cross-entropy over the 2 B views of a batch.

    Parameters
    ----------
    temperature : float
        Of the cosines.
    hidden, out : int
        Widths of the projector's two layers.
    **encoder
        See `Encoder`.

    Notes
    -----
    Source: Chen et al., "A simple framework for contrastive learning of visual representations"
    (2020).
    """

    def __init__(
        self, temperature: float = 0.5, hidden: int = 2048, out: int = 128, **encoder: Any
    ) -> None:
        super().__init__(**encoder)
        self.head = SimCLRProjectionHead(self.features, hidden, out)
        self.criterion = NTXentLoss(temperature)

    def loss(self, first: Tensor, second: Tensor) -> Tensor:
        """See `Encoder.loss`."""
        loss: Tensor = self.criterion(*both(self.project, first, second))
        return loss
