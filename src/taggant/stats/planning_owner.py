"""Planning for an owner: images in one set, and how many to withhold.

What an assumed alternative gives: for versions a hidden one beats a used published one with
chance q ~ Beta, for controls a withheld image does. Sets are simulated, seeded; the rest is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import gamma

from taggant.stats.alternatives import Beta
from taggant.stats.checks import integer
from taggant.stats.levels import Level, level, versions

DRAWS = 20_000
"""Sets drawn; the standard error of a power is 0.0035 at most."""


@dataclass(frozen=True)
class OwnerPlan:
    """Power of one p-value for several of an owner's images.

    Attributes
    ----------
    images : int
        In the set, all of them used.
    power : float
        Chance that the set is claimed, by Fisher's combination of (T + U)/n.
    """

    images: int
    power: float


@dataclass(frozen=True)
class WithholdPlan:
    """Power of one image's comparison with m withheld ones: exact.

    Attributes
    ----------
    withheld : int
        m.
    power : float
        Chance that a used image is claimed: that at most floor(p (m + 1)) - 1 of them beat it.
    """

    withheld: int
    power: float


def plan_owner(
    images: Sequence[int], p: Level, alternative: Beta, n: int, seed: int = 0
) -> list[OwnerPlan]:
    """Power of sets of so many used images at level p, by an assumed alternative; simulated.

    Parameters
    ----------
    images : sequence of int
        Sizes of sets.
    p : float, str or Fraction
        Bound on the probability of a false claim of a set.
    alternative : Beta
        How often a hidden version beats a used published one; independently, image by image.
    n : int
        Versions of each image.
    seed : int
        Of the simulation.

    Examples
    --------
    >>> [row.power > 0.9 for row in plan_owner([1, 10], 0.001, Beta.with_mean(0.1), 100)]
    [False, True]
    """
    alpha, n = float(level(p)), versions(n)
    rows = []
    for size in images:
        size = integer(size, "images", 1, 1000)
        rng = np.random.default_rng([seed, size])
        beaten = rng.beta(alternative.a, alternative.b, (DRAWS, size))
        values = (rng.binomial(n - 1, beaten) + rng.random((DRAWS, size))) / n
        x = -np.log(np.maximum(values, np.finfo(float).tiny)).sum(1)
        rows.append(OwnerPlan(size, float(np.mean(gamma.sf(x, size) <= alpha))))
    return rows


def least_withheld(p: Level) -> int:
    """Return the smallest m at which one image's p-value can reach p: 1/(m + 1) <= p.

    Examples
    --------
    >>> least_withheld(0.05), least_withheld("0.01")
    (19, 99)
    """
    return math.ceil(1 / level(p)) - 1


def plan_withheld(
    p: Level, alternative: Beta, withheld: Sequence[int] | None = None
) -> list[WithholdPlan]:
    """Power of one used image against m withheld ones, at level p; exact.

    Parameters
    ----------
    p : float, str or Fraction
        Bound on the false-detection rate.
    alternative : Beta
        How often a withheld image beats a used one.
    withheld : sequence of int, optional
        m to try; by default the least that can reach p, and multiples of it.

    Raises
    ------
    ValueError
        For an m below the least.

    Examples
    --------
    >>> [(row.withheld, round(row.power, 3)) for row in plan_withheld(0.05, Beta(1, 19), [19, 39])]
    [(19, 0.5), (39, 0.552)]
    """
    alpha, least = level(p), least_withheld(p)
    several = [(least + 1) * k - 1 for k in (1, 2, 3, 5, 10)] if withheld is None else withheld
    rows = []
    for m in several:
        m = integer(m, "withheld", 1, 100_000)
        if m < least:
            raise ValueError(
                f"withheld={m} at p={float(alpha):g}: no p-value is below 1/{m + 1}; accepted are "
                f"{least} or more"
            )
        places = np.arange(math.floor(alpha * (m + 1)))
        power = np.exp(alternative.log_pmf(m, places, m + 1)).sum()
        rows.append(WithholdPlan(m, float(power)))
    return rows
