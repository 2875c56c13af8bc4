"""SCRUB: a student that obeys its teacher on what is kept and defies it on the rest."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from taggant.unlearning.method import Descent, Method
from taggant.unlearning.request import Batch, Request


@dataclass(frozen=True)
class Scrub(Method):
    """Alternate: up the divergence from the original on the forget set, down on the retain set.

    An epoch maximises KL(teacher, student) on the forget set, in the first `max_epochs` epochs
    only, then minimises alpha KL + gamma loss on the retain set.

    Parameters
    ----------
    rate : float
        Learning rate at strength 1, in units of the victim's own.
    epochs, max_epochs : int
        Passes over the retain set, and over the forget set.
    alpha, gamma : float
        Weights of divergence and loss on the retain set.
    temperature : float
        Of both softmaxes.

    Notes
    -----
    Source: Kurmanji et al., "Towards unbounded machine unlearning" (NeurIPS 2023); loop, 3 epochs
    of ascent, alpha .5, gamma 1 and temperature 2 as in the small-scale notebook of
    github.com/meghdadk/SCRUB, with 10 epochs of Adam at 5e-4 that decays; 5 at a constant
    rate are ours.
    """

    needs: ClassVar[Sequence[str]] = ("batch_loss", "logits")

    rate: float = 0.1
    epochs: int = 5
    max_epochs: int = 3
    alpha: float = 0.5
    gamma: float = 1.0
    temperature: float = 2.0

    def unlearn(self, request: Request) -> Any:
        """Alternate between the two sets."""
        teacher = copy.deepcopy(request.victim).eval()
        step, victim = Descent(request, self.rate * self.strength), request.victim
        for epoch in range(self.epochs):
            for batch in request.batches(request.forget, int(epoch < self.max_epochs), epoch):
                step(-divergence(victim, teacher, batch, self.temperature))
            for batch in request.batches(request.retain, first=epoch):
                kept = divergence(victim, teacher, batch, self.temperature)
                step(self.alpha * kept + self.gamma * victim.batch_loss(batch))
        return victim


def divergence(student: Any, teacher: Any, batch: Batch, temperature: float = 1.0) -> Tensor:
    """Mean KL(teacher, student) of a batch's answers, times the squared temperature."""
    with torch.no_grad():
        wanted = (teacher.logits(batch) / temperature).log_softmax(1)
    given = (student.logits(batch) / temperature).log_softmax(1)
    return kl_div(given, wanted, reduction="batchmean", log_target=True) * temperature**2
