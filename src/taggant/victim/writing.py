"""What victims that write captions have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from taggant.answers import evaluating, log_probability, padded
from taggant.victim.victim import Victim

PADDING = 0
"""Number of the token behind a caption's end, which nobody has to write."""
ROWS = 64


class Writing(Victim):
    """A victim that writes an image's caption, word piece by word piece."""

    answers: ClassVar[str] = "tokens"

    @abstractmethod
    def decoded(self, seen: Tensor, tokens: Tensor) -> Tensor:
        """Logits [B, context - 1, vocabulary] of the second token onwards.

        Parameters
        ----------
        seen : Tensor [B, T, D]
            Answers to images.
        tokens : Tensor, int64 [B, context]
        """

    @torch.no_grad()
    def captioning_loss(self, seen: Tensor, tokens: Tensor) -> Tensor:
        """Mean negative log-likelihood of a caption's tokens, float32 [B], in eval mode.

        All rows are computed in one shape.

        Parameters
        ----------
        seen : Tensor [B, T, D]
            Answers to images.
        tokens : Tensor, int64 [B, context]
        """
        rows = [padded(part.to(self.device), ROWS) for part in (seen, tokens)]
        with evaluating(self):
            parts = [
                per_caption(-log_probability(self.decoded(*part).float(), part[1][:, 1:]), part[1])
                for part in zip(*(side.split(ROWS) for side in rows), strict=True)
            ]
        return torch.cat(parts)[: len(seen)]


def per_caption(losses: Tensor, tokens: Tensor) -> Tensor:
    """Mean loss of each caption's tokens but the first, float32 [B].

    Parameters
    ----------
    losses : Tensor [B, context - 1]
        Of the second token onwards.
    tokens : Tensor, int64 [B, context]
    """
    there = tokens[:, 1:] != PADDING
    return losses.where(there, 0).sum(1) / there.sum(1)
