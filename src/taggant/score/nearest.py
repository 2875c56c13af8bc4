"""The view set of label-only scores: where the label of the raw image turns nearest by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from taggant.data.augment import Redrawn
from taggant.data.probes import Added, normal_cells
from taggant.score.view_sets import RawScores

STARTS = 48
"""Random directions that `Nearest` begins with."""
HALVINGS = 7
"""Steps by which the place where a label turns is found on a line."""
BESIDE = 4
"""Noises beside what `Nearest` found."""
FARTHEST = 4
"""Times what `Nearest` found: its farthest views."""


@dataclass(frozen=True)
class Nearest:
    """Pixels to add so that the label of the *raw* image turns from right to wrong nearest by.

    Of labels alone only this much can be seen: on which side of a boundary an image lies. Near the
    raw image a mark decides that; farther off other things do. The search (decision-based, without
    gradients) goes along the mean of random directions that turn the label early, and then along
    the gradient that labels of noisy images around the boundary show. Views are growing multiples
    of what it finds, beside `BESIDE` noises of half its size. The noises are the same for all
    images, and the secret plays no part.

    Parameters
    ----------
    rounds : int
        Of the search.
    noises : int
        Asked about in each round.
    reach : float
        Root mean square, in grey levels of 255, at which the search begins.

    Notes
    -----
    Source: the search follows Chen, Jordan and Wainwright, "HopSkipJumpAttack" (2020).
    """

    rounds: int = 8
    noises: int = 64
    reach: float = 80.0

    def check(self, augment: Redrawn) -> None:
        """Refuse anything but pixels that are added."""
        if not isinstance(augment, Added):
            raise ValueError(
                "score/view_set=nearest needs pixels to add (score/augment=added), and "
                f"{type(augment).__name__} is something else: choose random"
            )

    def queries(self, augment: Redrawn) -> int:
        """Of the first directions, and of each round."""
        return (STARTS + 1) * HALVINGS + self.rounds * (self.noises + HALVINGS)

    def choose(
        self, augment: Redrawn, count: int, generators: Sequence[torch.Generator], raw: RawScores
    ) -> Tensor:
        """See `ViewSet.choose`."""
        found = self._search(raw)
        beside = _noises(BESIDE, found.shape[1:], seed=1) * _size(found)[:, None] / 2
        steps = -(-count // BESIDE)
        multiples = FARTHEST * torch.arange(1, steps + 1).view(1, -1, 1, 1, 1, 1) / steps
        views = (multiples * (found[:, None] + beside)[:, None]).flatten(1, 2)[:, :count]
        return views.round().to(torch.int16)

    def _search(self, raw: RawScores) -> Tensor:
        """What turns each image's label, float32 [I, C, H, W]; next to 0 where it is wrong."""
        shape = raw.images.shape[1:]
        starts = self.reach * _noises(STARTS, shape, seed=2, cells=(8,))
        starts = starts.expand(len(raw.images), -1, -1, -1, -1)
        early = 1 / _size(_turned(raw, starts)).clamp(min=0.5)
        found = _turned(raw, self.reach * _unit((early * starts).sum(1))[:, None])[:, 0]
        for number in range(self.rounds):
            noises = _noises(self.noises, shape, seed=3 + number)
            around = found[:, None] + (_size(found)[:, None] / 2).clamp(min=1.5) * noises
            wrong = 1 - raw.of(around.round().to(torch.int16)).view(*around.shape[:2], 1, 1, 1)
            slope = _unit(((wrong - wrong.mean(1, keepdim=True)) * noises).sum(1))
            further = found + slope * _size(found) / (number + 1) ** 0.5
            other = _turned(raw, 1.5 * further[:, None])[:, 0]
            found = torch.where(_size(other) < _size(found), other, found)
        return found


def _turned(raw: RawScores, lines: Tensor) -> Tensor:
    """Lines [I, P, C, H, W], cut off where the label of the raw image has turned."""
    low = lines.new_zeros(*lines.shape[:2], 1, 1, 1)
    high = torch.ones_like(low)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        right = raw.of((middle * lines).round().to(torch.int16)).view_as(low) > 0
        low, high = torch.where(right, middle, low), torch.where(right, high, middle)
    return high * lines


def _noises(
    count: int, shape: torch.Size, seed: int, cells: Sequence[int] = (1, 2, 4, 8)
) -> Tensor:
    """Normal noises of root mean square 1 in squares of several sizes, [1, count, C, H, W]."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [normal_cells(shape, cells[number % len(cells)], generator) for number in range(count)]
    return _unit(torch.stack(drawn))[None]


def _size(pixels: Tensor) -> Tensor:
    """Root mean square over C, H and W, which stay as axes of length 1."""
    return pixels.square().mean((-3, -2, -1), keepdim=True).sqrt()


def _unit(pixels: Tensor) -> Tensor:
    return pixels / _size(pixels).clamp(min=1e-12)
