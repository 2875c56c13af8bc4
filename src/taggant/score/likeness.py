"""Membership scores of encoders: (unit vectors [B, K, D] of K views, targets) -> float [B].

An encoder answers alike to the views of an image that it was trained on. Larger = more likely
used; none of these looks at anything but its own row.
"""

from __future__ import annotations

import torch
from torch import Tensor


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
