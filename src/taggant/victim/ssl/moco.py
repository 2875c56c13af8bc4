"""MoCo v2: a view is contrasted with a queue of other images' views, projected by a teacher."""

from __future__ import annotations

from typing import Any

from lightly.loss import NTXentLoss
from lightly.models.modules import MoCoProjectionHead
from torch import Tensor, nn

from taggant.victim.ssl.momentum_encoder import MomentumEncoder

QUEUE = ("bank", "bank_ptr")
"""The buffers of lightly's memory bank, which its state would leave out."""


class MoCo(MomentumEncoder):
    """Contrastive loss of one view against the teacher's answer to the other and to a queue.

    The queue is part of the weights: what goes on from them, unlearning say, goes on with it.

    Parameters
    ----------
    temperature : float
        Of the cosines.
    queue : int
        Former answers of the teacher that count as other images. Up to the training set's size;
        beyond it, each image's own former answers are among them.
    hidden, out : int
        Widths of the projector's two layers.
    **encoder
        See `MomentumEncoder`.

    Raises
    ------
    ValueError
        For a queue below 1.

    Notes
    -----
    Source: Chen et al., "Improved baselines with momentum contrastive learning" (2020).
    """

    def __init__(
        self,
        temperature: float = 0.2,
        queue: int = 65536,
        hidden: int = 2048,
        out: int = 128,
        **encoder: Any,
    ) -> None:
        if queue < 1:
            raise ValueError(f"victim.queue = {queue}: accepted are 1, 2, 3, ...")
        self._widths = hidden, out
        super().__init__(**encoder)
        self.criterion = NTXentLoss(temperature, memory_bank_size=(queue, out))
        bank = self.criterion.memory_bank
        for name in QUEUE:
            bank.register_buffer(name, getattr(bank, name), persistent=True)

    def new_head(self) -> nn.Module:
        """See `MomentumEncoder.new_head`."""
        head: nn.Module = MoCoProjectionHead(self.features, *self._widths)
        return head

    def loss(self, first: Tensor, second: Tensor) -> Tensor:
        """See `Encoder.loss`; the teacher's answers join the queue."""
        loss: Tensor = self.criterion(self.project(first), self.project_teacher(second))
        return loss
