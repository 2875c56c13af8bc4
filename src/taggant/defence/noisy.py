"""Confidences with noise on them."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from taggant.answers import HIDDEN
from taggant.data.purify import content_noise
from taggant.defence.defence import Defence


class Noisy(Defence):
    """Adds Gaussian noise to each confidence.

    Noise that follows from the image's pixels leaves the answer a function of the image: asking
    again tells no more. Fresh noise does not, and averages out.

    Parameters
    ----------
    sd : float
        Standard deviation.
    fresh : bool
        Whether it is drawn anew for every question.

    Raises
    ------
    ValueError
        For noise below 0.
    """

    of_logits: ClassVar[bool] = True

    def __init__(self, sd: float, fresh: bool = False) -> None:
        super().__init__()
        if sd < 0:
            raise ValueError(f"defence: sd = {sd}: accepted are 0 and above")
        self.sd, self.fresh = sd, fresh

    def answer(self, answers: Tensor, images: Tensor) -> Tensor:
        """Logarithms of the noisy confidences, none below `taggant.answers.HIDDEN`."""
        confidences = answers.float().softmax(1)
        noise = torch.randn_like(confidences)
        if not self.fresh:
            noise = content_noise(images, answers.shape[1]).to(answers.device)
        return (confidences + self.sd * noise).clamp(min=HIDDEN).log()
