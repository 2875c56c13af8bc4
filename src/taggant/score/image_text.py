"""Membership scores of image-text models: (image embeddings [B, D], captions' [B, D]) -> float [B].

Embeddings are unit rows; an instance's caption is the same for all its versions. Larger = more
likely used. Scores that compare a pair with others take these from public, unmarked pairs, fixed
before the first version is read: never from published versions, which would tell of the published
index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taggant.data.imageset import ImageSet
from taggant.score.oracle import Access
from taggant.score.score import Statistic


def cosine(images: Tensor, captions: Tensor) -> Tensor:
    """Cosine of an image with its caption.

    Source: Huang et al., "A general framework for data-use auditing of ML models" (2024), for CLIP.
    """
    return (images * captions).sum(1)


@dataclass(frozen=True)
class Contrastive:
    """Minus the contrastive loss of a pair in a fixed batch of public pairs.

    The mean of both directions: the caption among the public captions, given the image, and the
    image among the public images, given the caption.

    Parameters
    ----------
    pairs : int
        Public pairs, the first ones of the held-out split; fewer where it has fewer.
    temperature : float
        Cosines are divided by it.

    Raises
    ------
    ValueError
        For pairs < 1 or a temperature that is not positive.
    """

    pairs: int
    temperature: float

    def __post_init__(self) -> None:
        _check_positive("pairs", self.pairs)
        _check_positive("temperature", self.temperature)

    def prepare(self, victim: Any, public: ImageSet, access: Access) -> Statistic:
        """The statistic beside public pairs, as this victim embeds them."""
        others = _first(public, self.pairs)
        pictures, texts = victim.pictures(others), victim.targets(others)

        def statistic(images: Tensor, captions: Tensor) -> Tensor:
            own = cosine(images, captions)[:, None]
            sides = (images @ texts.T.to(images), captions @ pictures.T.to(captions))
            logits = torch.stack([torch.cat([own, side], 1) for side in sides]) / self.temperature
            return (logits[..., 0] - logits.logsumexp(-1)).mean(0)

        return statistic


@dataclass(frozen=True)
class HardNegatives:
    """Cosine with the own caption, less the mean cosine with the nearest public captions.

    Parameters
    ----------
    nearest : int
        Captions that count, those nearest to the image.
    pairs : int
        Public captions to choose from, as in `Contrastive`.

    Raises
    ------
    ValueError
        For numbers below 1.
    """

    nearest: int
    pairs: int

    def __post_init__(self) -> None:
        _check_positive("nearest", self.nearest)
        _check_positive("pairs", self.pairs)

    def prepare(self, victim: Any, public: ImageSet, access: Access) -> Statistic:
        """The statistic beside public captions, as this victim embeds them."""
        texts = victim.targets(_first(public, self.pairs))

        def statistic(images: Tensor, captions: Tensor) -> Tensor:
            others = images @ texts.T.to(images)
            hardest: Tensor = others.topk(min(self.nearest, len(texts)), dim=1).values
            own: Tensor = cosine(images, captions)
            return own - hardest.mean(1)

        return statistic


def _first(public: ImageSet, pairs: int) -> ImageSet:
    return public.select(list(range(min(pairs, len(public)))))


def _check_positive(name: str, value: float) -> None:
    if value <= 0:
        raise ValueError(f"score.statistic.{name} = {value}: accepted are positive numbers")
