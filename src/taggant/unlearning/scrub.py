"""SCRUB: a student that obeys its teacher on what is kept and defies it on the rest."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from taggant.data.imageset import ImageSet
from taggant.unlearning.method import Descent, Method
from taggant.unlearning.request import Answering, Batch, Request, Unlearnable


@dataclass(frozen=True)
class Scrub(Method):
    """Alternate: up the divergence from the original on the forget set, down on the retain set.

    An epoch maximises KL(teacher, student) on the forget set, in the first `max_epochs` epochs
    only, then minimises alpha KL + gamma loss on the retain set.

    With `rewind` (SCRUB+R), the weights returned are those after the epoch whose error on the
    forget set is nearest to the error of the last one on held-out images of the same classes: an
    image that was never learned is not wrong more often than that.

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
    rewind : bool
        Whether to go back to the epoch that errs as often as on images never learned.

    Notes
    -----
    Source: Kurmanji et al., "Towards unbounded machine unlearning" (NeurIPS 2023); loop, 3 epochs
    of ascent, alpha .5, gamma 1 and temperature 2 as in the small-scale notebook of
    github.com/meghdadk/SCRUB, with 10 epochs of Adam at 5e-4 that decays; 5 at a constant
    rate are ours. Rewinding is by the paper (its section 3.3): that repository has no code of it.
    The held-out images are those that utility is measured on; one number is taken from them.
    """

    needs: ClassVar[Sequence[str]] = ("batch_loss", "logits", "wrong")

    rate: float = 0.1
    epochs: int = 5
    max_epochs: int = 3
    alpha: float = 0.5
    gamma: float = 1.0
    temperature: float = 2.0
    rewind: bool = False

    def unlearn(self, request: Request) -> Unlearnable:
        """Alternate between the two sets."""
        victim = request.answering
        teacher = copy.deepcopy(victim)
        teacher.eval()
        step = Descent(request, self.rate * self.strength)
        after = []
        for epoch in range(self.epochs):
            for batch in request.batches(request.forget, int(epoch < self.max_epochs), epoch):
                step(-divergence(victim, teacher, batch, self.temperature))
            for batch in request.batches(request.retain, first=epoch):
                kept = divergence(victim, teacher, batch, self.temperature)
                step(self.alpha * kept + self.gamma * victim.batch_loss(batch))
            if self.rewind:
                after.append((error(request, request.forget), copy.deepcopy(victim.state_dict())))
                victim.train()
        if self.rewind:
            self._rewind(request, after)
        return victim

    def _rewind(
        self, request: Request, after: Sequence[tuple[float, Mapping[str, Tensor]]]
    ) -> None:
        """Take up the epoch whose error is nearest; of equally near ones, the last."""
        if request.held_out is None:
            raise ValueError("unlearning.rewind = true needs held-out images, and there are none")
        wanted = error(request, request.held_out, class_weights(request.held_out, request.forget))
        distances = [abs(found - wanted) for found, _ in after]
        epoch = max(i for i, distance in enumerate(distances) if distance == min(distances))
        request.victim.load_state_dict(after[epoch][1])
        request.notes |= {
            "rewind_epoch": epoch + 1,
            "rewind_error": after[epoch][0],
            "rewind_reference": wanted,
        }


@torch.no_grad()
def error(request: Request, data: ImageSet, weights: Tensor | None = None) -> float:
    """Share of a set that is answered wrongly, 0..1, images as published and weighted by [N]."""
    request.victim.eval()
    loader = request.victim.batches(data, request.seed, request.device, plain=True)
    order = torch.cat(list(loader.order())).cpu()
    wrong = torch.cat([request.answering.wrong(batch) for batch in loader]).double().cpu()
    each = torch.ones(len(data)) if weights is None else weights
    return float((wrong * each[order]).sum() / each.sum())


def class_weights(pool: ImageSet, data: ImageSet) -> Tensor:
    """Weights [N] that give a pool the proportions of `data`'s classes; equal without labels.

    Raises
    ------
    ValueError
        If the pool has no image of these classes.
    """
    if pool.labels is None or data.labels is None:
        return torch.ones(len(pool))
    classes = int(torch.cat([pool.labels, data.labels]).max()) + 1
    there, wanted = (labels.bincount(minlength=classes) for labels in (pool.labels, data.labels))
    weights = (wanted / there.clamp(min=1))[pool.labels]
    if not weights.any():
        raise ValueError(f"{pool.name} has no held-out image of the classes to forget")
    return weights


def divergence(
    student: Answering, teacher: Answering, batch: Batch, temperature: float = 1.0
) -> Tensor:
    """Mean KL(teacher, student) of a batch's answers, times the squared temperature."""
    with torch.no_grad():
        wanted = (teacher.logits(batch) / temperature).log_softmax(1)
    given = (student.logits(batch) / temperature).log_softmax(1)
    return kl_div(given, wanted, reduction="batchmean", log_target=True) * temperature**2
