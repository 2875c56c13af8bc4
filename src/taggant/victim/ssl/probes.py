"""What features are good for, measured on labelled images that the encoder never saw.

Every image is classified by all the others (leave one out), so nothing is set aside.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

LARGEST = 5_000
"""Images compared at most; the distances of all pairs are held at once."""


def knn(features: Tensor, labels: Tensor, k: int = 5) -> float:
    """Accuracy (0..1) of a vote of the k nearest by cosine; ties go to the lower class number."""
    features, labels = normalize(features[:LARGEST], dim=1), labels[:LARGEST]
    likeness = (features @ features.T).fill_diagonal_(-torch.inf)
    votes = labels[likeness.topk(k, dim=1).indices]
    return float((votes.mode(dim=1).values == labels).float().mean())


def linear(features: Tensor, labels: Tensor, ridge: float = 1e-3) -> float:
    """Accuracy (0..1) of ridge regression on the classes, each image left out in turn.

    Parameters
    ----------
    features : Tensor [N, D]
    labels : Tensor, int64 [N]
    ridge : float
        Penalty, as a fraction of the features' mean squared length.

    Notes
    -----
    The prediction without image i is y_i - (y_i - p_i) / (1 - h_ii), where p = H y is the fit with
    it: no regression is solved twice.
    """
    x, labels = features[:LARGEST].double(), labels[:LARGEST]
    x = x - x.mean(0)
    gram = x @ x.T
    penalty = ridge * gram.diagonal().mean().clamp(min=1e-12) * torch.eye(len(x))
    hat = torch.linalg.solve(gram + penalty, gram) + 1 / len(x)
    wanted = one_hot(labels).double()
    left_out = wanted - (wanted - hat @ wanted) / (1 - hat.diagonal()[:, None])
    return float((left_out.argmax(1) == labels).float().mean())
