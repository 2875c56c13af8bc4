"""A victim behind something that changes what it answers."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from taggant.data.imageset import ImageSet
from taggant.victim.victim import Victim


class Wrapped(pl.LightningModule):
    """What a subclass does not change is the victim's own.

    Parameters
    ----------
    victim : Victim or Wrapped
    """

    def __init__(self, victim: Victim | Wrapped) -> None:
        super().__init__()
        self.victim = victim

    def targets(self, data: ImageSet) -> Tensor:
        """What scores compare the answers with."""
        return self.victim.targets(data)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the victim's own."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("victim"), name)
