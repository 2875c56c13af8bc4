"""What a test costs before it is asked."""

from __future__ import annotations

import math
from collections.abc import Sequence

from taggant.stats import Beta, planning, planning_owner
from taggant.stats.levels import Level


def plan(
    n: int | Sequence[int] | None = 1000,
    p: Level = 0.05,
    *,
    mean: float = 0.01,
    power: float = 0.0,
    budget: float = math.inf,
    views: int = 1,
) -> planning.Plan:
    """Compare the tests of one image, in exact numbers: size, power, hidden versions read.

    Parameters
    ----------
    n : int, several, or None
        Versions of each image; None tries several.
    p : float, str or Fraction
        Bound on the false-detection rate.
    mean : float
        Share of hidden versions that is expected to beat the published one of a used image,
        0 < mean < 1; it has a Beta(1, 1/mean - 1) law.
    power : float
        Wanted detection rate of used images, 0..1.
    budget : float
        Most hidden versions read of a used image, on average.
    views : int
        Queries a version, as of `score.views`: they cost as many times more, and a smaller `mean`
        says what they bring.

    Returns
    -------
    taggant.stats.planning.Plan
        Its `rows`, with reads and queries an image, and the one that is `recommended`.

    Raises
    ------
    ValueError
        For values out of range, or if no test exists.

    Examples
    --------
    >>> import taggant
    >>> best = taggant.plan(n=100, p=0.05, power=0.9).recommended
    >>> best.test, round(best.power, 3), round(best.reads_used, 1)
    ('besag_clifford, h = 2', 0.922, 37.9)
    """
    return planning.plan(n, p, Beta.with_mean(mean), power, budget, views=views)


def plan_together(
    images: Sequence[int], p: Level = 0.001, *, mean: float = 0.05, n: int = 100
) -> list[planning_owner.OwnerPlan]:
    """Power of one p-value for several used images of an owner, by their versions; simulated.

    Parameters
    ----------
    images : sequence of int
        Sizes of sets.
    p : float, str or Fraction
        Bound on the probability that a set of unused images is claimed.
    mean : float
        As for `plan`, image by image.
    n : int
        Versions of each image.

    Returns
    -------
    list of taggant.stats.planning_owner.OwnerPlan
        ``images`` and ``power``, one a size.

    Raises
    ------
    ValueError
        For values out of range.

    Examples
    --------
    >>> import taggant
    >>> [round(row.power, 2) for row in taggant.plan_together([5, 10], 0.001, mean=0.1)]
    [0.35, 0.92]
    """
    return planning_owner.plan_owner(images, p, Beta.with_mean(mean), n)


def plan_withheld(
    p: Level = 0.05, *, mean: float = 0.01, withheld: Sequence[int] | None = None
) -> list[planning_owner.WithholdPlan]:
    """Power of one used image's comparison with m withheld ones; exact.

    Parameters
    ----------
    p : float, str or Fraction
        Bound on the false-detection rate.
    mean : float
        Share of withheld images that is expected to beat a used one, 0 < mean < 1; it has a
        Beta(1, 1/mean - 1) law.
    withheld : sequence of int, optional
        m to try; by default the least that can reach p, and multiples of it.

    Returns
    -------
    list of taggant.stats.planning_owner.WithholdPlan
        ``withheld`` and ``power``, one an m.

    Raises
    ------
    ValueError
        For values out of range, or an m that cannot reach p.

    Examples
    --------
    >>> import taggant
    >>> [(row.withheld, round(row.power, 2)) for row in taggant.plan_withheld(0.01, mean=0.02)][:2]
    [(99, 0.33), (199, 0.36)]
    """
    return planning_owner.plan_withheld(p, Beta.with_mean(mean), withheld)
