"""What an unlearning method is given: a victim, what to forget, what to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet

Batch = tuple[Tensor, ...]
"""Images uint8 [B, C, H, W] first, then what belongs to them: labels, captions as tokens, ..."""


class Unlearnable(Protocol):
    """A model that methods can train on, as `taggant.victim.victim.Victim` is.

    Any ``nn.Module`` with these members will do; its ``offers`` name which of ``batch_loss`` and of
    the members of `Answering` it has.
    """

    offers: ClassVar[frozenset[str]]

    def batches(
        self, data: ImageSet, seed: int, device: torch.device, plain: bool = False
    ) -> Batches:
        """Training batches of `data`, a new order every epoch.

        Where `plain`, every image once and as published, without augmentation.
        """

    def batch_loss(self, batch: Batch) -> Tensor:
        """Training loss of a batch: the mean over its examples, a scalar."""

    def after_step(self, progress: float = 0.0) -> None:
        """What follows every step of the weights, see `taggant.victim.victim.Victim`."""

    def optimizer(self, rate: float = 1.0) -> torch.optim.Optimizer:
        """The victim's own optimiser at `rate` times its own peak learning rate, constant."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Weights."""

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Numbers beside the weights: running means, queues."""

    def state_dict(self) -> Mapping[str, Tensor]:
        """Weights and buffers by name."""

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> object:
        """Take over weights and buffers."""

    def to(self, device: torch.device) -> object:
        """Move all of it."""

    def train(self, mode: bool = True) -> object:
        """Batch norm and dropout as in training."""

    def eval(self) -> object:
        """Batch norm and dropout as in use."""


@runtime_checkable
class Answering(Unlearnable, Protocol):
    """A model that also says, of each image, which answer it takes for the right one."""

    def logits(self, batch: Batch) -> Tensor:
        """Unnormalised log-probabilities of a batch's answers, [B, answers]."""

    def relabelled(self, batch: Batch, generator: torch.Generator) -> Batch:
        """The batch with random targets in place of its own."""

    def wrong(self, batch: Batch) -> Tensor:
        """Which answers of a batch are not what was learned, bool [B]."""


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
    retrained : callable
        Trains a new victim on a set by the victim's own recipe.
    untrained : callable
        A victim as it is before any training, in other random weights.
    held_out : ImageSet, optional
        Images that were never trained on, for methods that stop by them.
    steps : int
        Gradient steps so far: passes of one batch forwards and backwards.
    notes : dict
        What a method found out on its way, by name: numbers that become part of the result.
    """

    victim: Unlearnable
    forget: ImageSet
    retain: ImageSet
    seed: int
    device: torch.device
    retrained: Callable[[ImageSet], Unlearnable]
    untrained: Callable[[], Unlearnable]
    held_out: ImageSet | None = None
    steps: int = 0
    notes: dict[str, float] = field(default_factory=dict)

    @property
    def answering(self) -> Answering:
        """The victim, for methods whose ``needs`` say that it answers.

        Raises
        ------
        TypeError
            If it does not.
        """
        return answering(self.victim)

    def batches(self, data: ImageSet, epochs: int = 1, first: int = 0) -> Iterator[Batch]:
        """Batches of a set over some epochs, counted from `first`."""
        loader = self.victim.batches(data, self.seed, self.device)
        for epoch in range(first, first + epochs):
            loader.sampler.set_epoch(epoch)
            yield from filled(loader)

    def plain(self, data: ImageSet) -> Iterator[Batch]:
        """Batches of a set once over, images as published: for methods that look once."""
        return filled(self.victim.batches(data, self.seed, self.device, plain=True))

    def part(self, data: ImageSet, count: int) -> ImageSet:
        """So many images of a set, or all, drawn by the seed, in the set's order."""
        drawn = np.random.default_rng(self.seed).permutation(len(data))[:count]
        return data.select(np.sort(drawn))

    def generator(self) -> torch.Generator:
        """A new random stream on the CPU, a function of the seed."""
        return torch.Generator().manual_seed(self.seed & 0x7FFFFFFF)


class Diverged(RuntimeError):  # noqa: N818  # not an error: an outcome that is recorded
    """A method's loss or weights are no longer finite."""


def answering(victim: Unlearnable) -> Answering:
    """A victim that answers.

    Raises
    ------
    TypeError
        If it does not.
    """
    if not isinstance(victim, Answering):
        raise TypeError(f"{type(victim).__name__} has no logits, relabelled and wrong")
    return victim


def filled(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Those with images in them: a Poisson sample may have none."""
    return (batch for batch in batches if len(batch[0]))


def endless(batches: Callable[[int], Iterable[Batch]]) -> Iterator[Batch]:
    """Epoch after epoch, from the first on."""
    epoch = 0
    while True:
        yield from batches(epoch)
        epoch += 1
