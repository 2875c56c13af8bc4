"""Membership scores of image-text models: (image embeddings [B, D], captions' [B, D]) -> float [B].

Embeddings are unit rows; an instance's caption is the same for all its versions. Larger = more
likely used. Scores that compare a pair with others take these from public, unmarked pairs, fixed
before the first version is read: never from published versions, which would tell of the published
index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import Tensor, nn

from taggant.answers import log_probability
from taggant.data.imageset import ImageSet
from taggant.score.oracle import Access
from taggant.score.statistic import ImageText, Statistic


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
    temperature : float, optional
        Cosines are divided by it; None takes the victim's own.

    Raises
    ------
    ValueError
        For pairs < 1, a temperature that is not positive, or none where the victim has none.
    """

    pairs: int
    temperature: float | None = None

    def __post_init__(self) -> None:
        _check_positive("pairs", self.pairs)
        if self.temperature is not None:
            _check_positive("temperature", self.temperature)

    def prepare(self, victim: nn.Module, public: ImageSet, access: Access) -> Statistic:
        """The statistic beside public pairs, as this victim embeds them."""
        temperature, model = self._of(victim), _embedding(victim)
        others = _first(public, self.pairs)
        pictures, texts = model.image_embeddings(others), model.targets(others)

        def statistic(images: Tensor, captions: Tensor) -> Tensor:
            own = cosine(images, captions)[:, None]
            sides = (images @ texts.T.to(images), captions @ pictures.T.to(captions))
            logits = torch.stack([torch.cat([own, side], 1) for side in sides]) / temperature
            own_pair = torch.zeros(logits.shape[:-1], dtype=torch.int64, device=logits.device)
            return log_probability(logits, own_pair).mean(0)

        return statistic

    def _of(self, victim: nn.Module) -> float:
        found = (
            getattr(victim, "temperature", None) if self.temperature is None else self.temperature
        )
        if found is None:
            raise ValueError(
                f"score.statistic.temperature = null: {type(victim).__name__} tells none of its "
                "own; accepted are positive numbers"
            )
        return float(found)


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

    def prepare(self, victim: nn.Module, public: ImageSet, access: Access) -> Statistic:
        """The statistic beside public captions, as this victim embeds them."""
        texts = _embedding(victim).targets(_first(public, self.pairs))

        def statistic(images: Tensor, captions: Tensor) -> Tensor:
            others = images @ texts.T.to(images)
            hardest: Tensor = others.topk(min(self.nearest, len(texts)), dim=1).values
            own: Tensor = cosine(images, captions)
            return own - hardest.mean(1)

        return statistic


def _embedding(victim: nn.Module) -> ImageText:
    if not _embeds(victim):
        raise ValueError(
            f"this score asks a model of images and texts, not {type(victim).__name__}"
        )
    return victim


def _embeds(victim: object) -> TypeGuard[ImageText]:
    return hasattr(victim, "image_embeddings")  # which a wrapper may pass on


def _first(public: ImageSet, pairs: int) -> ImageSet:
    return public.select(list(range(min(pairs, len(public)))))


def _check_positive(name: str, value: float) -> None:
    if value <= 0:
        raise ValueError(f"score.statistic.{name} = {value}: accepted are positive numbers")
