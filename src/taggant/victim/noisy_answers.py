"""Classifiers whose provider adds noise to what they answer."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from taggant.answers import HIDDEN
from taggant.data.purify import content_noise
from taggant.victim.classifier import Classifier


class NoisyAnswers(Classifier):
    """A classifier whose confidences carry Gaussian noise whenever it is asked, not in training.

    Unlearning, which is its provider's too, sees the logits without it. Noise follows from the
    image's pixels, so that asking again tells no more; noisy confidences below
    `taggant.answers.HIDDEN` are raised to it.

    Parameters
    ----------
    answer_noise : float
        Standard deviation of the noise of each confidence.
    **classifier
        See `Classifier`.

    Raises
    ------
    ValueError
        For noise below 0.
    """

    def __init__(self, answer_noise: float, **classifier: Any) -> None:
        super().__init__(**classifier)
        if answer_noise < 0:
            raise ValueError(f"victim.answer_noise = {answer_noise}: accepted are 0 and above")
        self.answer_noise = answer_noise

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W], 0..255 -> logits, or logarithms of noisy confidences."""
        logits = super().forward(images)
        if self.training:
            return logits
        noise = self.answer_noise * content_noise(images, self.classes)
        return (logits.float().softmax(1) + noise).clamp(min=HIDDEN).log()

    def logits(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Logits float32 [B, classes] of a batch, without noise."""
        return super().forward(batch[0]).float()
