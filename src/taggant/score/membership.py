"""Membership scores of classifiers: (log-confidences [B, classes], labels [B]) -> float [B].

Larger = more likely used, everywhere. None of them looks at anything but its own row, so the
score is the same function for every version of an image.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from taggant.answers import log_odds, log_probability

GOLDEN = 0.6180339887498949
"""Its multiples are spread evenly over 0..1, and no two sums of some are alike."""


def loss(log_confidences: Tensor, labels: Tensor) -> Tensor:
    """Minus the cross-entropy of the true label."""
    return log_probability(log_confidences, labels)


def margin(log_confidences: Tensor, labels: Tensor) -> Tensor:
    """Logit of the true label's confidence, log p_y - log(1 - p_y).

    Source: Carlini et al., "Membership inference attacks from first principles" (2022).
    """
    return log_odds(log_confidences, labels)


def hinge(log_confidences: Tensor, labels: Tensor) -> Tensor:
    """Logit of the true label minus the best other logit."""
    others = log_confidences.scatter(1, labels[:, None], -torch.inf)
    return _of(log_confidences, labels) - others.amax(1)


def entropy(log_confidences: Tensor, labels: Tensor) -> Tensor:
    """Minus the entropy of the confidences; needs no label."""
    log_p, _ = _both(log_confidences)
    return (log_p.exp() * log_p).sum(1)


def modified_entropy(log_confidences: Tensor, labels: Tensor) -> Tensor:
    """Minus the modified entropy: (1 - p_y) log p_y + sum over c != y of p_c log(1 - p_c).

    Source: Song & Mittal, "Systematic evaluation of privacy risks" (2021).
    """
    log_p, log_rest = _both(log_confidences)
    own = _of(log_rest, labels).exp() * _of(log_p, labels)
    others = (log_p.exp() * log_rest).scatter(1, labels[:, None], 0.0)
    return own + others.sum(1)


def votes(log_confidences: Tensor, labels: Tensor) -> Tensor:
    """Share of views [B, K, classes] whose likeliest class is the true label.

    Views weigh a little differently, by less than a vote in all, so that versions tie only if the
    same views are right of both: ties cost an audit power.
    """
    right = (log_confidences.argmax(2) == labels[:, None]).double()
    place = torch.arange(1, right.shape[1] + 1, dtype=torch.float64, device=right.device)
    weights = 1 + (place * GOLDEN).frac() / len(place)
    return (right @ weights / weights.sum()).float()


def _both(log_confidences: Tensor) -> tuple[Tensor, Tensor]:
    """log p_c and log(1 - p_c), both [B, classes], exact to rounding however near 1 p_c is.

    Float32 has no numbers between 1 - 6e-8 and 1; what the other classes' confidences add up to
    has no such gap.
    """
    largest = log_confidences.argmax(1)
    odds = log_odds(log_confidences, largest)[:, None]
    small = log_confidences.clamp(max=-1e-7)  # others than the largest are at most 1/2
    log_p = log_confidences.scatter(1, largest[:, None], logsigmoid(odds))
    log_rest = torch.log1p(-small.exp()).scatter(1, largest[:, None], logsigmoid(-odds))
    return log_p, log_rest


def _of(values: Tensor, labels: Tensor) -> Tensor:
    return values.gather(1, labels[:, None])[:, 0]
