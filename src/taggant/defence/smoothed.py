"""Randomised smoothing: the mean answer to several noisy copies."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from taggant.answers import HIDDEN
from taggant.data.purify import content_noise
from taggant.defence.defence import Defence


class Smoothed(Defence):
    """Answers with the mean confidences of noisy copies of the image.

    Noise follows from the image's pixels, so that asking again tells no more.

    Parameters
    ----------
    sd : float
        Standard deviation of the noise, in grey levels of 255.
    copies : int

    Raises
    ------
    ValueError
        For no copies, or noise below 0.

    Notes
    -----
    Source: Cohen et al., "Certified adversarial robustness via randomized smoothing" (2019).
    """

    of_logits: ClassVar[bool] = True

    def __init__(self, sd: float, copies: int) -> None:
        super().__init__()
        if sd < 0 or copies < 1:
            raise ValueError(
                f"defence.smoothing: sd = {sd}, copies = {copies}: accepted are sd >= 0 and "
                "copies >= 1"
            )
        self.sd, self.copies = sd, copies

    def question(self, images: Tensor) -> Tensor:
        """The copies of each image, one after the other."""
        noise = self.sd * content_noise(images, self.copies * images[0].numel())
        noisy = images[:, None] + noise.view(len(images), self.copies, *images.shape[1:])
        copies: Tensor = noisy.round().clamp(0, 255).to(torch.uint8).flatten(0, 1)
        return copies

    def answer(self, answers: Tensor, images: Tensor) -> Tensor:
        """Logarithms of the mean confidences."""
        confidences = answers.float().softmax(1)
        each = confidences.view(len(images), self.copies, -1)
        return each.mean(1).clamp(min=HIDDEN).log()
