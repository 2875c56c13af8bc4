"""How small networks are trained here: Nesterov SGD, one cycle of the learning rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

B_co = TypeVar("B_co", covariant=True)
B = TypeVar("B")


class Epochs(Protocol[B_co]):
    """Batches of a set, in an order that the epoch decides."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0, whose order the next iteration follows."""

    def __iter__(self) -> Iterator[B_co]: ...

    def __len__(self) -> int: ...


class Weighted(Protocol):
    """A module, or what looks like one."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Weights."""


def trained_parameters(net: Weighted) -> list[nn.Parameter]:
    """The weights that training moves by gradients: those of a frozen teacher are not."""
    return [weight for weight in net.parameters() if weight.requires_grad]


def adam(
    weights: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float
) -> torch.optim.Adam:
    """Adam, whose first coefficient is the momentum."""
    return torch.optim.Adam(weights, lr=lr, betas=(momentum, 0.999), weight_decay=weight_decay)


def nesterov_sgd(
    weights: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float
) -> torch.optim.SGD:
    """SGD with Nesterov's momentum, without where momentum is 0."""
    return torch.optim.SGD(
        weights, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=momentum > 0
    )


def one_cycle(
    optimizer: torch.optim.Optimizer,
    peak: float | Sequence[float],
    steps: int,
    warmup: float = 0.3,
) -> OneCycleLR:
    """A learning rate that rises to its peak and falls to nothing over a training.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Its momentum stays as it is.
    peak : float or sequence of float
        Largest learning rate, of all weights or of each of the optimizer's groups.
    steps : int
        Steps of the whole training; a training of none counts as one of one.
    warmup : float
        Share of the training after which the rate is at its peak.
    """
    return OneCycleLR(
        optimizer,
        max_lr=peak if isinstance(peak, float) else list(peak),
        total_steps=max(1, steps),
        pct_start=warmup,
        cycle_momentum=False,
    )


def train(
    loss: Callable[[B], Tensor],
    batches: Epochs[B],
    epochs: int,
    optimizer: torch.optim.Optimizer,
    peak: float,
) -> None:
    """Descend on the loss of every batch, one cycle over all epochs.

    Parameters
    ----------
    loss : callable
        A batch -> its loss, a scalar.
    batches : Epochs
    epochs : int
    optimizer : torch.optim.Optimizer
    peak : float
        Largest learning rate.
    """
    schedule = one_cycle(optimizer, peak, epochs * len(batches))
    with torch.enable_grad():
        for epoch in range(epochs):
            batches.set_epoch(epoch)
            for batch in batches:
                optimizer.zero_grad()
                loss(batch).backward()
                optimizer.step()
                schedule.step()
