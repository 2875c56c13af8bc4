"""Radioactive data, black box: the published set among sets marked with hidden carriers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class SetRank:
    """Where the published set ranks among all sets.

    Attributes
    ----------
    exceedances : int
        T, hidden sets whose mean score is larger than the published set's.
    sets : int
        n, the published one included.
    """

    exceedances: int
    sets: int

    @property
    def p_value(self) -> float:
        """(T + 1) / n, exact; never below 1/n."""
        return (self.exceedances + 1) / self.sets


def rank_of_set(scores: ArrayLike, published: int, seed: int) -> SetRank:
    """Rank the published set by its images' mean score, larger = more likely used.

    Guarantee: P(p <= k/n) = k/n for k = 1..n if the published set was drawn uniformly and the
    model is independent of the draw: for any model, score and marks.

    Parameters
    ----------
    scores : float array [n, M]
        Of the same M images in each of the n sets, e.g. minus their loss.
    published : int
        Row of the published set.
    seed : int
        Public seed of the keys that break ties, one a set; independent of `published`.

    Raises
    ------
    ValueError
        For scores that are not [n >= 2, M >= 1] and finite, or a row that is not there.
    """
    table = np.asarray(scores, float)
    if table.ndim != 2 or len(table) < 2 or table.shape[1] < 1 or not np.isfinite(table).all():
        raise ValueError(f"scores {table.shape}: accepted are finite numbers [n >= 2, M >= 1]")
    if not 0 <= published < len(table):
        raise ValueError(f"published = {published}: accepted are 0..{len(table) - 1}")
    # fsum is exact, so equal sets of scores tie whatever their order.
    means = np.array([math.fsum(row) for row in table])
    keys = np.random.default_rng(seed).permutation(len(table))
    larger = (means > means[published]) | ((means == means[published]) & (keys > keys[published]))
    return SetRank(int(larger.sum()), len(table))


def loss_gap(marked: ArrayLike, vanilla: ArrayLike) -> tuple[float, tuple[float, float]]:
    """The paper's effect size: mean loss on marked less mean loss on vanilla images.

    It carries no guarantee: marks change the loss of any model, and a vanilla image may itself
    have been trained on. The interval speaks of the images' spread only.

    Parameters
    ----------
    marked, vanilla : float array [M]
        Losses of the same M >= 2 images with and without marks.

    Returns
    -------
    (float, (float, float))
        The gap, and its normal 95 % interval over images.
    """
    difference: NDArray[np.float64] = np.asarray(marked, float) - np.asarray(vanilla, float)
    gap = float(difference.mean())
    half = 1.959964 * float(difference.std(ddof=1)) / math.sqrt(len(difference))
    return gap, (gap - half, gap + half)
