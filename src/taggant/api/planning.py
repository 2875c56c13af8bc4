"""What a test costs before it is asked."""

from __future__ import annotations

import math
from collections.abc import Sequence

from taggant.stats import Beta, planning
from taggant.stats.levels import Level


def plan(
    n: int | Sequence[int] | None = 1000,
    p: Level = 0.05,
    *,
    mean: float = 0.01,
    power: float = 0.0,
    budget: float = math.inf,
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

    Returns
    -------
    taggant.stats.planning.Plan
        Its `rows`, and the one that is `recommended`. Queries are views x (1 + reads) an image.

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
    return planning.plan(n, p, Beta.with_mean(mean), power, budget)
