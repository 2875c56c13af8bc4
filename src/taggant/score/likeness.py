"""Membership scores of encoders: (unit vectors [B, K, D] of K views, targets) -> float [B].

An encoder answers alike to the views of an image that it was trained on. Larger = more likely
used; none of these looks at anything but its own row.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from taggant.data.imageset import ImageSet
from taggant.score.oracle import Access, Oracle
from taggant.score.statistic import Statistic

BATCH = 256


def pairwise_cosine(views: Tensor, targets: Tensor) -> Tensor:
    """Mean cosine of all pairs of views; K (K - 1) / 2 times it is the papers' sum.

    Source: Huang et al., "A general framework for data-use auditing of ML models" (2024), after
    Liu et al., "EncoderMI" (2021).
    """
    wide, count = views.double(), views.shape[1]
    pairs = wide.sum(1).square().sum(1) - wide.square().sum((1, 2))
    return (pairs / (count * (count - 1))).float()


def nearest_view(views: Tensor, targets: Tensor) -> Tensor:
    """Mean over the views of the cosine with the nearest other view."""
    cosines = views @ views.mT
    itself = torch.eye(views.shape[1], dtype=torch.bool, device=views.device)
    return cosines.masked_fill(itself, -torch.inf).amax(2).mean(1)


@dataclass(frozen=True)
class Contrast:
    """Mean cosine of all pairs of views, less how near the views are to public images.

    What a contrastive training makes large for its own images: the first term over the
    temperature, less the logarithm of the sum over the public images of exp(cosine / temperature).

    Parameters
    ----------
    images : int
        Public images, the first ones of the held-out split, as they are; fewer where it has fewer.
    temperature : float
        Cosines are divided by it.

    Raises
    ------
    ValueError
        For images < 1 or a temperature that is not positive.
    """

    images: int
    temperature: float

    def __post_init__(self) -> None:
        for name in ("images", "temperature"):
            value = getattr(self, name)
            if value <= 0:
                raise ValueError(f"score.statistic.{name} = {value}: accepted are positive numbers")

    def prepare(self, victim: nn.Module, public: ImageSet, access: Access) -> Statistic:
        """The statistic beside public images, as `access` shows this victim's answers to them."""
        others = public.images[: self.images]
        device = torch.device(getattr(victim, "device", "cpu"))
        known = Oracle(victim, access, min(BATCH, len(others)), device).query(others)

        def statistic(views: Tensor, targets: Tensor) -> Tensor:
            crowd = (views @ known.T / self.temperature).logsumexp(2).mean(1)
            return pairwise_cosine(views, targets) / self.temperature - crowd

        return statistic
