"""Selective synaptic dampening."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from taggant.data.imageset import ImageSet
from taggant.optim import trained_parameters
from taggant.unlearning.method import Method, gradient
from taggant.unlearning.request import Request, Unlearnable


@dataclass(frozen=True)
class SSD(Method):
    """Shrink the weights that matter more to the forget set than to the training set.

    Where importance I_forget > threshold I_train, a weight is multiplied by
    min(dampening I_train / I_forget, 1). Importance is the mean squared gradient of the loss over
    batches of the published images as they are.

    Parameters
    ----------
    threshold : float
        Alpha of the paper at strength 1; it is divided by the strength, so that strength 0 is an
        infinite threshold: nothing is selected.
    dampening : float
        Lambda of the paper.

    Notes
    -----
    Source: Foster et al., "Fast machine unlearning without retraining through selective synaptic
    dampening" (AAAI 2024); rule and importance as in ``ssd.py`` of
    github.com/if-loops/selective-synaptic-dampening.
    """

    threshold: float = 10.0
    dampening: float = 1.0

    def unlearn(self, request: Request) -> Unlearnable:
        """Compare importances, dampen."""
        forget = importance(request, request.forget)
        train = importance(request, joined(request.retain, request.forget))
        with torch.no_grad():
            for weight, f, t in zip(trained_parameters(request.victim), forget, train, strict=True):
                factor = (self.dampening * t / f).clamp(max=1.0)
                selected = f > self.threshold / self.strength * t
                weight.copy_(torch.where(selected, weight * factor, weight))
        request.victim.after_step()
        return request.victim


def importance(request: Request, data: ImageSet) -> list[Tensor]:
    """Mean over batches of the squared gradient of the mean loss, as `trained_parameters` are."""
    total = [torch.zeros_like(weight) for weight in trained_parameters(request.victim)]
    count = 0
    for batch in request.plain(data):
        total = [t + g.square() for t, g in zip(total, gradient(request, batch), strict=True)]
        count += 1
    return [t / count for t in total]


def joined(first: ImageSet, second: ImageSet) -> ImageSet:
    """Both sets as one."""
    one, two = first, second
    labels = None
    if one.labels is not None and two.labels is not None:
        labels = torch.cat([one.labels, two.labels])
    captions = None
    if one.captions is not None and two.captions is not None:
        captions = one.captions + two.captions
    images = torch.cat([one.images, two.images])
    return replace(one, images=images, ids=one.ids + two.ids, labels=labels, captions=captions)
