"""What all unlearning methods share: a strength, and the loop of gradient steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from taggant.optim import trained_parameters
from taggant.unlearning.request import Batch, Diverged, Request, Unlearnable


@dataclass(frozen=True)
class Method(ABC):
    """An unlearning method.

    Parameters
    ----------
    strength : float
        How hard it forgets: 1 is the method's default, 0 changes nothing, bit for bit.
    forget : int or float
        Which part of the used instances is to be forgotten: a count, or a fraction below 1. It
        is the pipeline that draws them.

    Raises
    ------
    ValueError
        For a negative strength.
    """

    depends: ClassVar[Sequence[str]] = ("forget", "strength")
    """Which of the common parameters the outcome depends on."""

    needs: ClassVar[Sequence[str]] = ("batch_loss",)
    """What of a victim's ``offers`` the method calls."""

    strength: float = 1.0
    forget: float = 0

    def __post_init__(self) -> None:
        if not self.strength >= 0:
            raise ValueError(f"unlearning.strength = {self.strength}: accepted are 0 and above")

    def check(self, victim: type[Unlearnable]) -> None:
        """Refuse a kind of victim that does not offer what this method needs.

        Parameters
        ----------
        victim : class of a LightningModule
            Says with its ``offers`` what may be called.

        Raises
        ------
        ValueError
            With both names, and what is missing.
        """
        missing = [name for name in self.needs if name not in victim.offers]
        if missing:
            raise ValueError(
                f"{type(self).__name__} needs {' and '.join(missing)} of a victim, which "
                f"{victim.__name__} does not offer: choose another method (unlearning=...); none "
                "and retrain take any victim"
            )

    def __call__(self, request: Request) -> Unlearnable:
        """Return the victim after unlearning; at strength 0, the one given, untouched.

        Raises
        ------
        Diverged
            If a loss or a weight is no longer finite; the victim is left as it is then.
        """
        return request.victim if self.strength == 0 else self.unlearn(request)

    @abstractmethod
    def unlearn(self, request: Request) -> Unlearnable:
        """Forget; the strength is above 0."""


class Descent:
    """Gradient steps on a victim with its own optimiser, counted.

    Each is followed by what follows a step of training: a teacher moves along, a logit scale stays
    within its bounds.

    Parameters
    ----------
    request : Request
        Whose victim is put into training mode.
    rate : float
        Learning rate, in units of the victim's own peak learning rate.
    masks : sequence of Tensor, optional
        1 where a weight may change, 0 where it stays, one for each of `trained_parameters`.
    """

    def __init__(
        self, request: Request, rate: float, masks: Sequence[Tensor] | None = None
    ) -> None:
        self.request = request
        self.optimizer = request.victim.optimizer(rate)
        self.parameters = trained_parameters(request.victim)
        self.masks = masks
        request.victim.train()

    def __call__(self, loss: Tensor) -> None:
        """One step down a loss.

        Raises
        ------
        Diverged
            If the loss is not finite.
        """
        if not bool(torch.isfinite(loss)):
            raise Diverged(f"loss {float(loss)} after {self.request.steps} gradient steps")
        self.optimizer.zero_grad()
        loss.backward()
        kept = None if self.masks is None else [p.detach().clone() for p in self.parameters]
        self.optimizer.step()
        self.request.steps += 1
        if self.masks is not None and kept is not None:
            with torch.no_grad():  # momentum and weight decay leave masked weights alone as well
                for weight, mask, old in zip(self.parameters, self.masks, kept, strict=True):
                    weight.copy_(torch.where(mask.bool(), weight, old))
        self.request.victim.after_step()


def gradient(request: Request, batch: Batch) -> list[Tensor]:
    """Gradient of a batch's mean loss by `trained_parameters`; one gradient step is counted."""
    weights = trained_parameters(request.victim)
    request.steps += 1
    with evaluated_without_trace(request.victim):
        loss = request.victim.batch_loss(batch)
        return list(torch.autograd.grad(loss, weights, materialize_grads=True))


@contextmanager
def evaluated_without_trace(victim: Unlearnable) -> Iterator[None]:
    """The victim in eval mode; queues, centres and all other buffers end as they were."""
    kept = {name: buffer.clone() for name, buffer in victim.named_buffers()}
    victim.eval()
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in victim.named_buffers():
                buffer.copy_(kept[name])


@torch.no_grad()
def move(request: Request, direction: Sequence[Tensor], length: float) -> None:
    """Add `length` times a direction to `trained_parameters`, as one step."""
    for weight, part in zip(trained_parameters(request.victim), direction, strict=True):
        weight.add_(part, alpha=length)
    request.victim.after_step()
