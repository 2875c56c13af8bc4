"""What all unlearning methods share: a strength, and the loop of gradient steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from taggant.unlearning.request import Diverged, Request


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
    """What of `Unlearnable`, beyond training, the method calls."""

    strength: float = 1.0
    forget: float = 0

    def __post_init__(self) -> None:
        if not self.strength >= 0:
            raise ValueError(f"unlearning.strength = {self.strength}: accepted are 0 and above")

    def check(self, victim: Any) -> None:
        """Refuse a victim that has not what this method needs.

        Parameters
        ----------
        victim : LightningModule or its class

        Raises
        ------
        ValueError
            With the names of what is missing.
        """
        missing = [name for name in self.needs if not hasattr(victim, name)]
        if missing:
            raise ValueError(
                f"this victim has no {' and no '.join(missing)}, which {type(self).__name__} "
                "needs: choose another method (unlearning=...); none and retrain take any victim"
            )

    def __call__(self, request: Request) -> Any:
        """Return the victim after unlearning; at strength 0, the one given, untouched.

        Raises
        ------
        Diverged
            If a loss or a weight is no longer finite; the victim is left as it is then.
        """
        return request.victim if self.strength == 0 else self.unlearn(request)

    @abstractmethod
    def unlearn(self, request: Request) -> Any:
        """Forget; the strength is above 0."""


class Descent:
    """Gradient steps on a victim with its own optimiser, counted.

    Parameters
    ----------
    request : Request
        Whose victim is put into training mode.
    rate : float
        Learning rate, in units of the victim's own peak learning rate.
    masks : sequence of Tensor, optional
        1 where a weight may change, 0 where it stays, one a parameter.
    """

    def __init__(
        self, request: Request, rate: float, masks: Sequence[Tensor] | None = None
    ) -> None:
        self.request = request
        self.optimizer = request.victim.optimizer(rate)
        self.parameters = list(request.victim.parameters())
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


def gradients(request: Request, loss: Tensor) -> list[Tensor]:
    """Gradient of a loss by every weight; one gradient step is counted."""
    weights: list[nn.Parameter] = list(request.victim.parameters())
    request.steps += 1
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]
