"""What a defence may change: what is learned, the weights, each question, each answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from taggant.data.imageset import ImageSet
from taggant.victim.victim import Victim


@dataclass(frozen=True)
class Tuning:
    """What the maker has at hand after training.

    Attributes
    ----------
    train : ImageSet
        What the victim learned from.
    held_out : ImageSet
        What it did not.
    seed : int
    device : torch.device
        Where the victim is.
    """

    train: ImageSet
    held_out: ImageSet
    seed: int
    device: torch.device


class Defence(nn.Module):
    """A measure of the model's maker; one that overrides nothing does nothing.

    Several compose: images pass through them in order on their way to the model, answers in the
    opposite one. What a defence has to keep (an index, a network of its own) are buffers and
    parameters, so that they lie with the weights.

    An answer that depends on more than the image - fresh noise, what was asked before - can be
    compared with no other: an audit's control queries tell, and it makes no claim.
    """

    edits: ClassVar[bool] = False
    """Whether it changes what the victim learns from."""

    of_logits: ClassVar[bool] = False
    """Whether it reads answers as logits [B, classes], so that it fits classifiers only."""

    def prepare(self, data: ImageSet) -> None:
        """Take from the data the sizes of what is to be kept; called once, before all else."""

    def learned(self, train: ImageSet, seed: int) -> ImageSet:
        """What the victim learns in place of `train`."""
        return train

    def tune(self, victim: Victim, known: Tuning) -> None:
        """Change the trained victim in place, or learn from what it learned; it is in eval mode."""

    def question(self, images: Tensor) -> Tensor:
        """What the model is asked in place of images uint8 [B, C, H, W]; rows may be repeated."""
        return images

    def answer(self, answers: Tensor, images: Tensor) -> Tensor:
        """What is answered to images uint8 [B, C, H, W] in place of the model's answers."""
        return answers
