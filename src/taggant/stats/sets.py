"""Planning for many images whose claims go through Benjamini-Hochberg.

All numbers are exact; nothing is simulated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.stats import binom

from taggant.stats.alternatives import NULL, Beta
from taggant.stats.arrays import Floats
from taggant.stats.boundary import Boundary
from taggant.stats.checks import integer, real, shown
from taggant.stats.discoveries import claims_law
from taggant.stats.levels import MOST_VERSIONS, Level, level, versions
from taggant.stats.stopping import STRONGEST, optimal

POWER_SHARE_IN_SETS = 0.995
"""`min_power_share` of the optimal test in sets: near the balance a little power decides over
every claim."""

_SHARES = (0.4, 0.55, 0.7, 0.85, 1.0, 1.2, 1.5)  # of the level that suits full ranks, to try
_MOST_COUNTED = 2_000  # images; of more, the shares are those of so many
_LARGE = 100_000  # versions that stand for "as many as you like"
_DIGITS = 10**9  # of a level


@dataclass(frozen=True, eq=False)
class SetPlan:
    """What a set of m images needs for claims at false discovery rate q.

    Attributes
    ----------
    level : Fraction
        Level of one image's test: about q R/m for R expected claims.
    n_least : int
        A p-value cannot be below 1/n, so n must be at least this.
    n : int
        Versions the plan was made for.
    boundary : Boundary
        Test of one image at that level.
    discoveries : float
        Expected number of claims that Benjamini-Hochberg keeps, from p-values of that boundary.
    p_none : float
        Probability that it keeps none.
    discoveries_full : float
        Expected claims from fully read ranks.
    reads_used, reads_unused : float
        Mean hidden versions read.
    """

    level: Fraction
    n_least: int
    n: int
    boundary: Boundary
    discoveries: float
    p_none: float
    discoveries_full: float
    reads_used: float
    reads_unused: float


def plan_set(
    images: int, q: Level, used: float, alternative: Beta, n: int | None = None
) -> SetPlan:
    """Plan audits of many images whose claims go through Benjamini-Hochberg.

    Tests stopped at p = 0.05 are useless here: no p-value of theirs is below the null mass of the
    earliest claim, about 1/20, while Benjamini-Hochberg asks for q R/m. Tests are made for several
    levels, and the one with the most expected claims is taken. The expectations are exact if each
    image is used with probability `used`, independently, and used ones are as the alternative says;
    the false discovery rate is guaranteed whatever they are. Sets of more than 2,000 images are
    planned by the shares of 2,000.

    Parameters
    ----------
    images : int
        m, images that will be audited.
    q : float, str or Fraction
        Wanted false discovery rate, 0 < q < 1.
    used : float
        Expected share of them that was used, 0 < used <= 1.
    alternative : Beta
        What is expected of used instances; also the design of the optimal test.
    n : int, optional
        Versions of each image; by default ten times the least that the level asks for.

    Raises
    ------
    ValueError
        If n < 1/q, so that nothing can ever be claimed; or if nothing can be promised: any claim at
        all is less than twice as likely as it might be were no image used, which is q.

    Examples
    --------
    >>> from taggant.stats import Beta
    >>> made = plan_set(20, 0.2, 0.5, Beta(1, 50), 60)
    >>> made.level, round(made.discoveries, 1), round(made.p_none, 3)
    (Fraction(1, 10), 10.6, 0.041)
    """
    m, q = integer(images, "images", 1), level(q, "q")
    used = real(used, "used", 0.0, 1.0, "low")
    if not isinstance(alternative, Beta):
        raise ValueError(f"alternative={shown(alternative)}: accepted are Beta laws")
    design = _design(alternative)
    if design == NULL or design.b > STRONGEST:
        raise ValueError(
            f"alternative={alternative}: accepted are Beta laws of mean below 1/2 and b/a of at "
            f"most {STRONGEST:g}, by which few hidden versions beat the published one of a used "
            "image"
        )
    outlook = _Outlook(min(m, _MOST_COUNTED), q, used, alternative)
    depth = _LARGE if n is None else versions(n)
    if q * depth < 1:
        raise ValueError(
            f"n={n} versions at q={float(q):g}: no p-value is below 1/n, and none above q is ever "
            f"claimed; accepted are n >= {math.ceil(1 / q)}"
        )
    suits = outlook.rank_that_suits(depth)
    n_least = math.ceil(1 / (q * suits / outlook.images))
    count = min(10 * n_least, MOST_VERSIONS) if n is None else depth
    plans = []
    for x in outlook.levels(suits, count):
        test = optimal(count, x, b=design.b, a=design.a, min_power_share=POWER_SHARE_IN_SETS)
        plans.append((x, test, outlook.of(test)))
    best, boundary, law = max(plans, key=lambda plan: _mean(plan[2]))
    if 1 - law[0] < 2 * q:
        raise ValueError(
            f"images={m}, q={float(q):g}, used={used:g}, n={count}: nothing can be promised, any "
            f"claim at all has probability {1 - law[0]:.3g}, hardly more than were no image used; "
            "accepted are more versions, a larger share of used images or a stronger alternative"
        )
    scale = m / outlook.images
    return SetPlan(
        level=best,
        n_least=n_least,
        n=count,
        boundary=boundary,
        discoveries=scale * _mean(law),
        p_none=float(law[0]),
        discoveries_full=scale * _mean(claims_law(outlook.of_ranks(count))),
        reads_used=boundary.expected_queries(alternative),
        reads_unused=boundary.expected_queries(NULL),
    )


@dataclass(frozen=True)
class _Outlook:
    """What is expected of m images."""

    images: int
    q: Fraction
    used: float
    alternative: Beta

    @property
    def steps(self) -> Floats:
        """Benjamini-Hochberg keeps k claims if k p-values are at most this, k = 1..m."""
        return float(self.q) * np.arange(1, self.images + 1) / self.images

    def of(self, test: Boundary) -> Floats:
        """Law of the number of claims from stopped p-values."""
        states = test.states
        values = test.p_value(states.t, states.s)
        return claims_law(self._below(values, states.mass(NULL), states.mass(self.alternative)))

    def of_ranks(self, n: int) -> Floats:
        """P(p <= step) of one image, from its full rank among n."""
        t = np.arange(n)
        mass = np.exp(self.alternative.log_pmf(n - 1, t, n))
        return self._below((t + 1) / n, np.full(n, 1 / n), mass)

    def _below(self, values: Floats, null: Floats, alternative: Floats) -> Floats:
        order = np.argsort(values, kind="stable")
        mass = np.cumsum((1 - self.used) * null[order] + self.used * alternative[order])
        position = np.searchsorted(values[order], self.steps * (1 + 1e-12), side="right")
        return np.asarray(np.minimum(np.append(0.0, mass)[position], 1.0))

    def rank_that_suits(self, n: int) -> int:
        """The k for which most claims are expected if all p-values were cut at step k."""
        chance, k = self.of_ranks(n), np.arange(1, self.images + 1)
        expected = chance * binom.sf(k - 2, self.images - 1, chance)
        return int(np.argmax(expected)) + 1

    def levels(self, suits: int, n: int) -> list[Fraction]:
        """Levels to try, at least 1/n each: steps around the one that suits full ranks."""
        ks = {min(max(round(share * suits), 1), self.images) for share in _SHARES}
        steps = (self.q * k / self.images for k in ks)
        return sorted({max(Fraction(int(x * _DIGITS), _DIGITS), Fraction(1, n)) for x in steps})


def _design(alternative: Beta) -> Beta:
    """The alternative, or the nearest law against which few exceedances are evidence."""
    a, b = alternative.a, alternative.b
    return Beta(1.0, max(b / a, 1.0)) if a > 1 else Beta(a, max(b, 1.0))


def _mean(law: Floats) -> float:
    return float(law @ np.arange(law.size))
