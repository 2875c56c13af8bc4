"""Membership score of captioners: how well an image's caption is written from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

from torch import Tensor, nn

from taggant.data.imageset import ImageSet
from taggant.score.oracle import Access
from taggant.score.statistic import Captioner, Statistic


@dataclass(frozen=True)
class Captioning:
    """Minus the mean negative log-likelihood of the caption's tokens, given the image.

    The caption is the same for all versions of an image, so differences are the image's. The
    auditor needs the victim's log-likelihood of a text that she chooses; some services give it.
    """

    def prepare(self, victim: nn.Module, public: ImageSet, access: Access) -> Statistic:
        """See `of`; public images play no part."""
        return self.of(victim)

    def of(self, victim: object) -> Statistic:
        """The statistic of a captioner.

        Raises
        ------
        ValueError
            For what is none.
        """
        if not _captions(victim):
            raise ValueError(f"score=captioning asks a captioner, not {type(victim).__name__}")

        def statistic(seen: Tensor, tokens: Tensor) -> Tensor:
            losses: Tensor = victim.captioning_loss(seen, tokens)
            return -losses

        return statistic


def _captions(victim: object) -> TypeGuard[Captioner]:
    return getattr(victim, "captioning_loss", None) is not None  # which a wrapper may pass on
