"""A student between a good teacher and one that knows nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from taggant.data.imageset import ImageSet
from taggant.unlearning.method import Descent, Method
from taggant.unlearning.request import Answering, Batch, Request, Unlearnable, answering
from taggant.unlearning.ssd import joined


@dataclass(frozen=True)
class BadTeacher(Method):
    """Follow an untrained teacher on the forget set, the original on part of the retain set.

    Batches mix both sets. The untrained teacher is the victim before its training: random weights
    for a classifier trained from scratch, the pretrained weights for a victim that is fine-tuned.

    Parameters
    ----------
    rate : float
        Learning rate at strength 1, in units of the victim's own.
    epochs : int
        Passes.
    share : float
        Part of the retain set that is used, drawn once.

    Notes
    -----
    Source: Chundawat et al., "Can bad teaching induce forgetting?" (AAAI 2023), KL to the two
    teachers at temperature 1 (``unlearn.py`` of github.com/vikram2000b/bad-teaching-unlearning).
    There, the divergence is averaged over the classes as well: gradients are those here divided by
    the number of classes, which Adam, that code's optimiser, makes up for and a victim's own SGD
    would not. Rate and epochs are ours.
    """

    needs: ClassVar[Sequence[str]] = ("logits",)

    rate: float = 0.1
    epochs: int = 5
    share: float = 0.3

    def unlearn(self, request: Request) -> Unlearnable:
        """Follow either teacher, image by image."""
        victim = request.answering
        good, bad = copy.deepcopy(victim), answering(request.untrained())
        bad.to(request.device)
        good.eval()
        bad.eval()
        step = Descent(request, self.rate * self.strength)
        some = request.part(request.retain, max(1, round(self.share * len(request.retain))))
        for epoch in range(self.epochs):
            for batch, forget in mixed_batches(request, some, epoch):
                step(divergence_from_teachers(victim, good, bad, batch, forget))
        return victim


def mixed_batches(request: Request, retain: ImageSet, epoch: int) -> Iterator[tuple[Batch, Tensor]]:
    """Batches of both sets together, and which of their images are to be forgotten, bool [B]."""
    both = joined(request.forget, retain)
    loader = request.victim.batches(both, request.seed, request.device)
    loader.sampler.set_epoch(epoch)
    for batch, chosen in zip(loader, loader.order(), strict=True):
        if len(chosen):
            yield batch, chosen < len(request.forget)


def divergence_from_teachers(
    student: Answering, good: Answering, bad: Answering, batch: Batch, forget: Tensor
) -> Tensor:
    """Mean KL of the student from a teacher: the bad one where `forget` [B], else the good one."""
    with torch.no_grad():
        ignorant, knowing = (teacher.logits(batch).log_softmax(1) for teacher in (bad, good))
        wanted = torch.where(forget[:, None], ignorant, knowing)
    given = student.logits(batch).log_softmax(1)
    return kl_div(given, wanted, reduction="batchmean", log_target=True)
