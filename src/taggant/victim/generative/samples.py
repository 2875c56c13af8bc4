"""What samples are like: how far from real images, and which are copies of known ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

GRID = 4
"""Side of the grid in whose cells colours are averaged."""
NEAR = 0.5
"""A copy is nearer to its original than this part of the way to the original's own neighbour."""


def frechet(made: Tensor, real: Tensor) -> float:
    """Fréchet distance of two sets of images, by the mean colours of 4 x 4 cells.

    What the FID measures, in features that need no network; its numbers compare models of the same
    images only.

    Parameters
    ----------
    made, real : Tensor, uint8 [N, C, H, W] and [M, C, H, W], 0..255
    """
    sides = [adaptive_avg_pool2d(side.double() / 255, GRID).flatten(1) for side in (made, real)]
    means = [side.mean(0) for side in sides]
    spreads = [side.T.cov() for side in sides]
    shared = torch.linalg.eigvals(spreads[0] @ spreads[1]).real.clamp(min=0).sqrt().sum()
    apart = (means[0] - means[1]).square().sum()
    return float(apart + spreads[0].trace() + spreads[1].trace() - 2 * shared)


def copied(made: Tensor, known: Tensor) -> float:
    """Share of images that copy a known one, mirror images included.

    An image is a copy if its nearest known image is nearer than half of that one's distance to
    its own nearest neighbour.

    Parameters
    ----------
    made, known : Tensor, uint8 [N, C, H, W] and [M, C, H, W], 0..255
    """
    rows, others = (side.float().flatten(1) / 255 for side in (made, known))
    mirrored = known.flip(3).float().flatten(1) / 255
    among = torch.cdist(others, others).fill_diagonal_(torch.inf)
    spacing = torch.minimum(among, _without_itself(torch.cdist(others, mirrored))).amin(1)
    nearest = torch.minimum(torch.cdist(rows, others), torch.cdist(rows, mirrored)).min(1)
    return float((nearest.values < NEAR * spacing[nearest.indices]).float().mean())


def _without_itself(distances: Tensor) -> Tensor:
    return distances.fill_diagonal_(torch.inf)
