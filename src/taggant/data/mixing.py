"""Training on mixtures of two images, under a mixture of their labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from taggant.data.batches import Batches

MIXES = 1 << 32
"""Beyond the streams from which batches draw order and augmentation."""


class Mix(Protocol):
    """Mixes each image of a batch with another one of it."""

    def __call__(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Mixtures, the rows that were mixed in, int64 [B], and the share of each own image, [B].

        Parameters
        ----------
        images : Tensor, uint8 [B, C, H, W]
        generator : torch.Generator
            All draws come from it.
        """


@dataclass(frozen=True)
class BetaShares:
    """Mixtures whose shares are drawn from Beta(alpha, alpha).

    Parameters
    ----------
    alpha : float

    Raises
    ------
    ValueError
        For an alpha that is not above 0.
    """

    alpha: float

    def __post_init__(self) -> None:
        if not self.alpha > 0:
            raise ValueError(f"victim.mix.alpha = {self.alpha}: accepted are numbers above 0")

    def shares(self, count: int, generator: torch.Generator) -> Tensor:
        """Draws, float32 [count]; torch's own take no generator."""
        seed = int(torch.randint(2**62, (1,), generator=generator))
        draws = np.random.default_rng(seed).beta(self.alpha, self.alpha, count)
        return torch.from_numpy(draws).float()


class MixUp(BetaShares):
    """A weighted mean of two images (arXiv 1710.09412); see `BetaShares`."""

    def __call__(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """See `Mix`."""
        others = torch.randperm(len(images), generator=generator).to(images.device)
        share = self.shares(len(images), generator).to(images.device)
        weight = share[:, None, None, None]
        mixed = weight * images + (1 - weight) * images[others]
        return mixed.round().to(torch.uint8), others, share


class CutMix(BetaShares):
    """A rectangle of another image in place of one's own (arXiv 1905.04899).

    It leaves the own image a share of the area; see `BetaShares`.
    """

    def __call__(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """See `Mix`."""
        count, _, height, width = images.shape
        others = torch.randperm(count, generator=generator).to(images.device)
        side = (1 - self.shares(count, generator)).sqrt()
        inside = _span(height, side, generator)[:, :, None] & _span(width, side, generator)[:, None]
        inside = inside.to(images.device)
        mixed = torch.where(inside[:, None], images[others], images)
        return mixed, others, 1 - inside.float().mean((1, 2))


class Mixed(Batches):
    """Batches whose images are mixtures and whose targets are probabilities [B, classes].

    Parameters
    ----------
    batches : Batches
        Of images with labels.
    mix : Mix
    classes : int
    """

    def __init__(self, batches: Batches, mix: Mix, classes: int) -> None:
        vars(self).update(vars(batches))
        self.mix, self.classes = mix, classes

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for step, (images, labels) in enumerate(super().__iter__()):
            mixed, others, share = self.mix(images, self._generator("cpu", MIXES + step))
            own = one_hot(labels, self.classes).float()
            yield mixed, torch.lerp(own[others], own, share[:, None])


def _span(length: int, side: Tensor, generator: torch.Generator) -> Tensor:
    """Whether each place lies in a span of a share of the length about a random centre, [B, L]."""
    centre = torch.rand(len(side), generator=generator) * length
    places = torch.arange(length) + 0.5
    return (places - centre[:, None]).abs() < side[:, None] * length / 2
