"""DINO: a student agrees with its sharpened, centred teacher on which prototypes a view is like."""

from __future__ import annotations

from typing import Any

from lightly.loss import DINOLoss
from lightly.models.modules import DINOProjectionHead
from torch import Tensor, nn

from taggant.victim.ssl.encoder import both
from taggant.victim.ssl.momentum_encoder import MomentumEncoder


class DINO(MomentumEncoder):
    """Cross-entropy of the student's prototypes with the teacher's, of the other view.

    Parameters
    ----------
    temperature, teacher_temperature : float
        Of the student's and the teacher's answers; the teacher's is the smaller one.
    hidden, bottleneck, out : int
        Widths of the projector: two hidden layers, the unit vector before the prototypes, and how
        many prototypes.
    frozen : int
        Epochs at the start in which the prototypes stay as they are.
    **encoder
        See `MomentumEncoder`.

    Notes
    -----
    Source: Caron et al., "Emerging properties in self-supervised vision transformers" (2021).
    Both views are large crops here: there are no small, local ones.
    """

    head: DINOProjectionHead

    def __init__(
        self,
        temperature: float = 0.1,
        teacher_temperature: float = 0.04,
        hidden: int = 2048,
        bottleneck: int = 256,
        out: int = 65536,
        frozen: int = 1,
        **encoder: Any,
    ) -> None:
        self._widths = hidden, bottleneck, out
        self._frozen = frozen
        super().__init__(**encoder)
        self.criterion = DINOLoss(out, teacher_temp=teacher_temperature, student_temp=temperature)

    def new_head(self) -> nn.Module:
        """See `MomentumEncoder.new_head`."""
        head: nn.Module = DINOProjectionHead(
            self.features, *self._widths, freeze_last_layer=self._frozen
        )
        return head

    def loss(self, first: Tensor, second: Tensor) -> Tensor:
        """See `Encoder.loss`; the centre moves along."""
        answers, guesses = (both(f, first, second) for f in (self.project_teacher, self.project))
        loss: Tensor = self.criterion(answers, guesses)
        return loss

    def on_after_backward(self) -> None:
        """Hold the prototypes in the first epochs."""
        self.head.cancel_last_layer_gradients(self.current_epoch)
