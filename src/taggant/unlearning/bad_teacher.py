"""A student between a good teacher and one that knows nothing."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from taggant.data.imageset import ImageSet
from taggant.unlearning.method import Descent, Method
from taggant.unlearning.request import Request
from taggant.unlearning.scrub import divergence


@dataclass(frozen=True)
class BadTeacher(Method):
    """Follow an untrained teacher on the forget set, the original on part of the retain set.

    The untrained teacher is the victim before its training: random weights for a classifier
    trained from scratch, the pretrained weights for a victim that is fine-tuned.

    Parameters
    ----------
    rate : float
        Learning rate at strength 1, in units of the victim's own.
    epochs : int
        Passes.
    share : float
        Part of the retain set that is used.

    Notes
    -----
    Source: Chundawat et al., "Can bad teaching induce forgetting?" (AAAI 2023), KL to the two
    teachers at temperature 1 (github.com/vikram2000b/bad-teaching-unlearning). There, batches mix
    both sets; here they alternate. Rate and epochs are ours.
    """

    needs: ClassVar[Sequence[str]] = ("logits",)

    rate: float = 0.1
    epochs: int = 5
    share: float = 0.3

    def unlearn(self, request: Request) -> Any:
        """Follow either teacher in turn."""
        good = copy.deepcopy(request.victim).eval()
        bad = request.fresh().to(request.device).eval()
        step, victim = Descent(request, self.rate * self.strength), request.victim
        some = part(request.retain, self.share, request.seed)
        for epoch in range(self.epochs):
            for teacher, data in ((bad, request.forget), (good, some)):
                for batch in request.batches(data, first=epoch):
                    step(divergence(victim, teacher, batch))
        return victim


def part(data: ImageSet, share: float, seed: int) -> ImageSet:
    """A random part of a set, at least one image."""
    order = np.random.default_rng(seed).permutation(len(data))
    return data.select(order[: max(1, round(share * len(data)))])
