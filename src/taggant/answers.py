"""What victims and those who ask them have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

HIDDEN = 1e-5
"""Confidence that a class not shown is taken to have, before renormalising."""


def log_probability(logits: Tensor, classes: Tensor) -> Tensor:
    """Log-softmax of one class a row, exact to rounding also where it is next to 0.

    Taken from the log-odds: one less all other classes' probability is 1 in float32 from
    log-odds of 17 on, and its logarithm 0.

    Parameters
    ----------
    logits : Tensor [..., classes]
        Up to a constant a row.
    classes : Tensor, int64 [...]
    """
    return logsigmoid(log_odds(logits, classes))


def log_odds(logits: Tensor, classes: Tensor) -> Tensor:
    """Logit of a class's probability, log p - log(1 - p), of one class a row.

    Parameters
    ----------
    logits : Tensor [..., classes]
        Up to a constant a row.
    classes : Tensor, int64 [...]
    """
    own = classes[..., None]
    others = logits.scatter(-1, own, -torch.inf)
    return logits.gather(-1, own)[..., 0] - others.logsumexp(-1)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode inside, every submodule's own mode again after."""
    training = [module for module in model.modules() if module.training]
    if training:  # setting the mode of a model that evaluates already costs a batch some percent
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def padded(rows: Tensor, multiple: int) -> Tensor:
    """Rows [N, ...] with the last one repeated up to a multiple."""
    missing = -len(rows) % multiple
    return torch.cat([rows, rows[-1:].expand(missing, *rows.shape[1:])])
