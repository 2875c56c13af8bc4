"""BYOL: one view's features predict how a teacher projects the other; no negative pairs."""

from __future__ import annotations

from typing import Any

from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules import BYOLPredictionHead, BYOLProjectionHead
from torch import Tensor, nn

from taggant.victim.ssl.encoder import both
from taggant.victim.ssl.momentum_encoder import MomentumEncoder


class BYOL(MomentumEncoder):
    """Minus the cosine of a prediction with the teacher's answer to the other view, both ways.

    Parameters
    ----------
    hidden, out : int
        Widths of the projector's and the predictor's two layers.
    **encoder
        See `MomentumEncoder`.

    Notes
    -----
    Source: Grill et al., "Bootstrap your own latent" (2020).
    """

    def __init__(self, hidden: int = 4096, out: int = 256, **encoder: Any) -> None:
        self._widths = hidden, out
        super().__init__(**encoder)
        self.predictor = BYOLPredictionHead(out, hidden, out)
        self.criterion = NegativeCosineSimilarity()

    def new_head(self) -> nn.Module:
        """See `MomentumEncoder.new_head`."""
        head: nn.Module = BYOLProjectionHead(self.features, *self._widths)
        return head

    def loss(self, first: Tensor, second: Tensor) -> Tensor:
        """See `Encoder.loss`."""
        guesses = both(lambda views: self.predictor(self.project(views)), first, second)
        answers = both(self.project_teacher, second, first)
        one, other = (self.criterion(*pair) for pair in zip(guesses, answers, strict=True))
        loss: Tensor = (one + other) / 2
        return loss
