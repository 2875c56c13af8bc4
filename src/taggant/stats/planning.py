"""How many versions, which test, what it will cost: before anything is published.

All numbers are exact; nothing is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np

from taggant.stats.alternatives import NULL, Alternative
from taggant.stats.boundary import Boundary
from taggant.stats.checks import integer, real, shown
from taggant.stats.evidence import anytime
from taggant.stats.levels import Level, level, versions
from taggant.stats.sequential import besag_clifford, pprm, rank
from taggant.stats.stopping import optimal

Test = Callable[..., Boundary]

TESTS: Mapping[str, Test] = {
    "optimal": optimal,
    "rank": rank,
    "rank, curtailed": partial(rank, curtailed=True),
    "pprm": pprm,
    "pprm, futility stop": partial(pprm, futility=True),
    "pprm, split 0.1, futility stop": partial(pprm, split=0.1, futility=True),
    "besag_clifford, h = 2": besag_clifford,
    "besag_clifford, h = 10": partial(besag_clifford, h=10),
    "anytime": anytime,
}

_MULTIPLES = (1, 2, 3, 5, 10, 20, 50)  # n to try when none is given, times the least possible,
_MOST_TRIED = 50_000  # while no more than this


@dataclass(frozen=True)
class PlanRow:
    """One test at one n: exact operating characteristics.

    Attributes
    ----------
    test : str
    n : int
        Versions of each image to be marked.
    size, power : float
        Claim probability of unused and of used instances.
    reads_used, reads_unused : float
        Mean hidden versions read.
    views : int
        Queries a version.
    """

    test: str
    n: int
    size: float
    power: float
    reads_used: float
    reads_unused: float
    views: int = 1

    @property
    def queries_used(self) -> float:
        """Mean queries of a used image, its published version among what is asked."""
        return self.views * (1 + self.reads_used)

    @property
    def queries_unused(self) -> float:
        """Mean queries of an unused image."""
        return self.views * (1 + self.reads_unused)


@dataclass(frozen=True, repr=False)
class Plan:
    """Comparison of tests, and a recommendation.

    Attributes
    ----------
    rows : tuple of PlanRow
    recommended : PlanRow or None
        The row with the fewest reads on used instances among those with the wanted power within
        the budget (ties: smaller n). None if there is none.
    excluded : tuple of (test, n, reason)
        Tests that do not exist at this n and p.
    """

    p: float
    rows: tuple[PlanRow, ...]
    recommended: PlanRow | None
    excluded: tuple[tuple[str, int, str], ...]

    def __repr__(self) -> str:
        heads = ("test", "n", "size", "power", "reads, used", "unused", "queries, used", "unused")
        lines = [
            f"Plan at p = {self.p:g}, exact",
            "  {:<31}{:>7}{:>8}{:>7}{:>13}{:>8}{:>15}{:>9}".format(*heads),
            *map(_line, self.rows),
        ]
        best = self.recommended
        advice = "none" if best is None else f"{best.test}, n = {best.n:,}"
        return "\n".join([*lines, f"  recommended (fewest reads of used images): {advice}"])


def _line(row: PlanRow) -> str:
    return (
        f"  {row.test:<31}{row.n:>7,}{row.size:>8.4f}{row.power:>7.3f}{row.reads_used:>13.1f}"
        f"{row.reads_unused:>8.1f}{row.queries_used:>15,.0f}{row.queries_unused:>9,.0f}"
    )


def plan(
    n: int | Sequence[int] | None,
    p: Level,
    alternative: Alternative,
    power: float = 0.0,
    budget: float = math.inf,
    tests: Mapping[str, Test] = TESTS,
    views: int = 1,
) -> Plan:
    """Compare tests and recommend one.

    Parameters
    ----------
    n : int, several, or None
        Versions of each image; None tries multiples of the least possible, ceil(1/p), up to
        50,000.
    p : float, str or Fraction
        Bound on the false-detection rate.
    alternative : Alternative
        What is expected of used instances, e.g. ``Beta.with_mean(0.01)``.
    power : float
        Wanted probability of a claim on a used instance, 0..1.
    budget : float
        Largest acceptable mean number of hidden versions read on used instances.
    tests : mapping of name to callable (n, p) -> Boundary
    views : int
        Queries a version: several cost as many times more, and `alternative` is to say what they
        bring.

    Raises
    ------
    ValueError
        If none of the tests exists at any n, and for values out of range.
    """
    power = real(power, "power", 0.0, 1.0, "")
    budget = real(budget, "budget", 0.0, math.inf, "")
    if not hasattr(alternative, "log_pmf"):
        raise ValueError(f"alternative={shown(alternative)}: accepted are laws such as {NULL!r}")
    views = integer(views, "views", 1)
    sizes = _versions_to_try(n, level(p))
    rows: list[PlanRow] = []
    excluded: list[tuple[str, int, str]] = []
    for count in sizes:
        for name, test in tests.items():
            try:
                boundary = test(count, p)
            except ValueError as reason:  # no such test at this n and p: shown, not hidden
                excluded.append((name, count, str(reason)))
                continue
            rows.append(_row(name, boundary, alternative, views))
    if not rows:
        raise ValueError(f"no test exists at p={p}: {excluded[0][2]}")
    suited = [row for row in rows if row.power >= power and row.reads_used <= budget]
    best = min(suited, key=lambda row: (round(row.reads_used, 6), row.n), default=None)
    return Plan(float(level(p)), tuple(rows), best, tuple(excluded))


def _versions_to_try(n: int | Sequence[int] | None, alpha: Fraction) -> list[int]:
    if n is None:
        least = math.ceil(1 / alpha)
        more = [k * least for k in _MULTIPLES[1:]]
        return [versions(least), *(count for count in more if count <= _MOST_TRIED)]
    several = n if isinstance(n, (Sequence, np.ndarray)) else [n]
    if isinstance(n, str) or len(several) == 0:
        raise ValueError(f"n={shown(n)}: accepted are an integer, several, or None")
    return [versions(count) for count in several]


def _row(name: str, boundary: Boundary, alternative: Alternative, views: int) -> PlanRow:
    return PlanRow(
        test=name,
        n=boundary.n,
        size=boundary.size(),
        power=boundary.power(alternative),
        reads_used=boundary.expected_queries(alternative),
        reads_unused=boundary.expected_queries(NULL),
        views=views,
    )
