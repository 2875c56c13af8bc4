"""What an unlearning method is given: a victim, what to forget, what to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from taggant.data.imageset import ImageSet

Batch = tuple[Tensor, ...]
"""Images uint8 [B, C, H, W] first, then what belongs to them: labels, captions as tokens, ..."""


class Unlearnable(Protocol):
    """What a victim offers to methods; classifiers, encoders and image-text models alike.

    Any LightningModule with these members can be unlearned.
    """

    def batches(self, data: ImageSet, seed: int, device: torch.device) -> Any:
        """Training batches of `data`, a new order every epoch; ``sampler.set_epoch`` chooses it."""

    def batch_loss(self, batch: Batch) -> Tensor:
        """Training loss of a batch: the mean over its examples, a scalar."""

    def logits(self, batch: Batch) -> Tensor:
        """Unnormalised log-probabilities of a batch's answers, [B, answers]."""

    def relabelled(self, batch: Batch, generator: torch.Generator) -> Batch:
        """The batch with random targets in place of its own."""

    def optimizer(self, rate: float) -> torch.optim.Optimizer:
        """The victim's own optimiser at `rate` times its own peak learning rate, constant."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Weights."""

    def train(self, mode: bool = True) -> Any:
        """Batch norm and dropout as in training."""

    def eval(self) -> Any:
        """Batch norm and dropout as in use."""


@dataclass
class Request:
    """One request to forget.

    Attributes
    ----------
    victim : Unlearnable
        The trained victim, on `device`. A method changes it, or returns another one.
    forget, retain : ImageSet
        Published versions of the instances to forget, and all other training images.
    seed : int
        Stage seed; everything random is a function of it.
    device : torch.device
        Where to compute.
    anew : callable
        Trains a new victim on a set by the victim's own recipe.
    fresh : callable
        A victim as it is before any training, in other random weights.
    steps : int
        Gradient steps so far: passes of one batch forwards and backwards.
    """

    victim: Any
    forget: ImageSet
    retain: ImageSet
    seed: int
    device: torch.device
    anew: Callable[[ImageSet], Any]
    fresh: Callable[[], Any]
    steps: int = 0

    def batches(self, data: ImageSet, epochs: int = 1, first: int = 0) -> Iterator[Batch]:
        """Batches of a set over some epochs, counted from `first`."""
        loader = self.victim.batches(data, self.seed, self.device)
        for epoch in range(first, first + epochs):
            loader.sampler.set_epoch(epoch)
            yield from loader

    def generator(self) -> torch.Generator:
        """A new random stream on the CPU, a function of the seed."""
        return torch.Generator().manual_seed(self.seed & 0x7FFFFFFF)


class Diverged(RuntimeError):  # noqa: N818  # not an error: an outcome that is recorded
    """A method's loss or weights are no longer finite."""


def endless(batches: Callable[[int], Iterable[Batch]]) -> Iterator[Batch]:
    """Epoch after epoch, from the first on."""
    epoch = 0
    while True:
        yield from batches(epoch)
        epoch += 1
