"""Access levels: what of a model's answer an auditor gets to see.

Those of a classifier map logits [B, classes] to the natural logarithms of the visible confidences
[B, classes], float32, so that every score of a classifier runs at every level. `answers` names
what a level is a view of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import normalize

from taggant.answers import HIDDEN


@dataclass(frozen=True)
class Full:
    """The whole confidence vector."""

    answers: ClassVar[str] = "logits"

    def __call__(self, logits: Tensor) -> Tensor:
        """Log-confidences [B, classes]."""
        return logits.float().log_softmax(1)


@dataclass(frozen=True)
class TopK:
    """The `k` largest confidences; the others share what is left evenly, none above the k-th.

    Raises
    ------
    ValueError
        For k < 1.
    """

    k: int
    answers: ClassVar[str] = "logits"

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"score.access.k = {self.k}: accepted are 1, 2, 3, ...")

    def __call__(self, logits: Tensor) -> Tensor:
        """Log-confidences [B, classes]."""
        confidences = logits.float().log_softmax(1)
        hidden = confidences.shape[1] - self.k
        if hidden <= 0:
            return confidences
        shown = confidences.topk(self.k, dim=1)
        left = (1 - shown.values.exp().sum(1, keepdim=True)).clamp(min=HIDDEN) / hidden
        rest = torch.minimum(left.log(), shown.values[:, -1:])
        return rest.expand_as(confidences).scatter(1, shown.indices, shown.values)


@dataclass(frozen=True)
class Rounded:
    """The confidence vector rounded to `digits` decimal places.

    Raises
    ------
    ValueError
        For digits outside 0..7.
    """

    digits: int
    answers: ClassVar[str] = "logits"

    def __post_init__(self) -> None:
        if not 0 <= self.digits <= 7:
            raise ValueError(f"score.access.digits = {self.digits}: accepted are 0 to 7")

    def __call__(self, logits: Tensor) -> Tensor:
        """Log-confidences [B, classes]."""
        confidences = logits.float().softmax(1).round(decimals=self.digits)
        return _renormalised(confidences)


@dataclass(frozen=True)
class Label:
    """The predicted label only; averaged over views it is a histogram of labels."""

    answers: ClassVar[str] = "logits"

    def __call__(self, logits: Tensor) -> Tensor:
        """Log-confidences [B, classes]."""
        return _renormalised(torch.zeros_like(logits.float()).scatter(1, _argmax(logits), 1.0))


@dataclass(frozen=True)
class Embedding:
    """The direction of an embedding: rows of unit length.

    Parameters
    ----------
    layer : str
        The victim's method that is asked: its answer, or ``project`` for an encoder's projector,
        which a deployed model hardly shows.
    """

    layer: str = "__call__"
    answers: ClassVar[str] = "embedding"

    def __call__(self, embeddings: Tensor) -> Tensor:
        """Unit vectors [B, D], float32."""
        return normalize(embeddings.float(), dim=1)


@dataclass(frozen=True)
class Tokens:
    """What a captioner's decoder looks at; a deployed captioner would show its captions only."""

    answers: ClassVar[str] = "tokens"

    def __call__(self, tokens: Tensor) -> Tensor:
        """Tokens [B, T, D], float32."""
        return tokens.float()


@dataclass(frozen=True)
class Latents:
    """What a diffusion model's denoiser works on; scores then ask the denoiser itself."""

    answers: ClassVar[str] = "latents"

    def __call__(self, latents: Tensor) -> Tensor:
        """Latents [B, ...], float32."""
        return latents.float()


@dataclass(frozen=True)
class Pixels:
    """An image's own pixels; what else a score asks, gradients or images made of it, it asks."""

    layer: str = "shown"
    answers: ClassVar[str] = "pixels"

    def __call__(self, pixels: Tensor) -> Tensor:
        """Pixels [B, C, H, W], float32, 0..255."""
        return pixels


def _argmax(logits: Tensor) -> Tensor:
    return logits.argmax(1, keepdim=True)


def _renormalised(confidences: Tensor) -> Tensor:
    floored = confidences.clamp(min=HIDDEN)
    return (floored / floored.sum(1, keepdim=True)).log()
