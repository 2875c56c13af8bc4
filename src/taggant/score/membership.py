"""Membership scores of classifiers: (log-confidences [B, classes], labels [B]) -> float [B].

Larger = more likely used, everywhere. None of them looks at anything but its own row, so the
score is the same function for every version of an image.
"""

from __future__ import annotations

import torch
from torch import Tensor


def loss(log_confidences: Tensor, labels: Tensor) -> Tensor:
    """Minus the cross-entropy of the true label."""
    return log_confidences.gather(1, labels[:, None])[:, 0]


def margin(log_confidences: Tensor, labels: Tensor) -> Tensor:
    """Logit of the true label's confidence, log p_y - log(1 - p_y).

    Source: Carlini et al., "Membership inference attacks from first principles" (2022).
    """
    others = log_confidences.scatter(1, labels[:, None], -torch.inf)
    return loss(log_confidences, labels) - others.logsumexp(1)


def hinge(log_confidences: Tensor, labels: Tensor) -> Tensor:
    """Logit of the true label minus the best other logit."""
    others = log_confidences.scatter(1, labels[:, None], -torch.inf)
    return loss(log_confidences, labels) - others.amax(1)


def entropy(log_confidences: Tensor, labels: Tensor) -> Tensor:
    """Minus the entropy of the confidences; needs no label."""
    return (log_confidences.exp() * log_confidences).sum(1)


def modified_entropy(log_confidences: Tensor, labels: Tensor) -> Tensor:
    """Minus the modified entropy: (1 - p_y) log p_y + sum over c != y of p_c log(1 - p_c).

    Source: Song & Mittal, "Systematic evaluation of privacy risks" (2021).
    """
    p = log_confidences.exp()
    log_rest = torch.log1p(-p.clamp(max=1 - 1e-7))
    own = (1 - p).gather(1, labels[:, None]) * log_confidences.gather(1, labels[:, None])
    others = (p * log_rest).scatter(1, labels[:, None], 0.0)
    return own[:, 0] + others.sum(1)
