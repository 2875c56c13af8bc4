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

from taggant.stats.alternatives import NULL, Alternative, Beta
from taggant.stats.boundary import Boundary
from taggant.stats.evidence import anytime
from taggant.stats.levels import Level, level
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

_SHARES = [Fraction(k, 20) for k in range(20, 7, -2)]  # of the balanced level, to try
_KEEP_IN_SETS = 0.995  # near the balance, a little power decides over every claim
_LARGE = 100_000  # versions that stand for "as many as you like"
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
        Mean hidden versions read; queries are K (1 + reads) with K augmentations.
    """

    test: str
    n: int
    size: float
    power: float
    reads_used: float
    reads_unused: float


@dataclass(frozen=True)
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


def plan(
    n: int | Sequence[int] | None,
    p: Level,
    alternative: Alternative,
    power: float = 0.0,
    budget: float = math.inf,
    tests: Mapping[str, Test] = TESTS,
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

    Raises
    ------
    ValueError
        If none of the tests exists at any n.
    """
    if not 0 <= power <= 1:
        raise ValueError(f"power={power!r} is outside the accepted range 0..1")
    least = math.ceil(1 / level(p))
    if n is None:
        tried = [k * least for k in _MULTIPLES]
        sizes: Sequence[int] = [least, *(n for n in tried[1:] if n <= _MOST_TRIED)]
    else:
        sizes = [n] if isinstance(n, int) else list(n)
    rows: list[PlanRow] = []
    excluded: list[tuple[str, int, str]] = []
    for count in sizes:
        for name, test in tests.items():
            try:
                boundary = test(count, p)
            except ValueError as reason:  # no such test at this n and p: shown, not hidden
                excluded.append((name, count, str(reason)))
                continue
            rows.append(_row(name, boundary, alternative))
    if not rows:
        raise ValueError(f"no test exists at p={p}: {excluded[0][2]}")
    suited = [row for row in rows if row.power >= power and row.reads_used <= budget]
    best = min(suited, key=lambda row: (round(row.reads_used, 6), row.n), default=None)
    return Plan(float(level(p)), tuple(rows), best, tuple(excluded))


def _row(name: str, boundary: Boundary, alternative: Alternative) -> PlanRow:
    return PlanRow(
        test=name,
        n=boundary.n,
        size=boundary.size(),
        power=boundary.power(alternative),
        reads_used=boundary.expected_queries(alternative),
        reads_unused=boundary.expected_queries(NULL),
    )


# --- sets of images ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class SetPlan:
    """What a set of m images needs for claims at false discovery rate q.

    Attributes
    ----------
    level : float
        Level of one image's test: about q R/m for R expected discoveries.
    n_least : int
        A p-value cannot be below 1/n, so n must be at least this.
    n : int
        Versions the plan was made for.
    boundary : Boundary
        Test of one image at that level.
    discoveries : float
        Expected number of claims that Benjamini-Hochberg keeps, from p-values of that boundary.
    discoveries_full : float
        The same from fully read ranks.
    reads_used, reads_unused : float
        Mean hidden versions read.
    """

    level: float
    n_least: int
    n: int
    boundary: Boundary
    discoveries: float
    discoveries_full: float
    reads_used: float
    reads_unused: float


def plan_set(
    images: int,
    q: float,
    used: float,
    alternative: Beta,
    n: int | None = None,
    slack: float = 0.05,
) -> SetPlan:
    """Plan audits of many images whose claims go through Benjamini-Hochberg.

    Tests stopped at p = 0.05 are useless here: no p-value of theirs is below the null mass of the
    earliest claim, about 1/20, while Benjamini-Hochberg asks for q R/m. The level of one image
    follows from the balance  level = (q/m) * E[claims at that level]; below it, the level with the
    most expected claims is taken. The numbers are large-set expectations, not guarantees; the
    false discovery rate is guaranteed whatever they are.

    Parameters
    ----------
    images : int
        m, images that will be audited.
    q : float
        Wanted false discovery rate, 0 < q < 1.
    used : float
        Expected share of them that was used, 0 < used <= 1.
    alternative : Beta
        What is expected of used instances; also the design of the optimal test.
    n : int, optional
        Versions of each image; by default ten times the least that the level allows.
    slack : float
        Claims are counted only if Benjamini-Hochberg would keep them even with this share fewer.

    Raises
    ------
    ValueError
        If no level balances (too few used images, too weak an alternative), or n is too small.
    """
    if images < 1 or not 0 < q < 1 or not 0 < used <= 1 or not 0 <= slack < 1:
        raise ValueError(
            f"images={images!r}, q={q!r}, used={used!r}, slack={slack!r}: accepted are images "
            ">= 1, 0 < q < 1, 0 < used <= 1, 0 <= slack < 1"
        )
    depth = n if n is not None else _LARGE
    least = math.ceil(1 / _balance(_rank_power(depth, alternative), q, used, depth))
    count = n if n is not None else 10 * least
    full = _rank_power(count, alternative)
    balanced = _balance(full, q, used, count)
    levels = sorted({max(share * balanced, Fraction(1, count)) for share in _SHARES})
    tests = [
        optimal(count, x, b=alternative.b, a=alternative.a, keep=_KEEP_IN_SETS) for x in levels
    ]
    claims = [_discoveries(test, alternative, q, used, slack) for test in tests]
    best = int(np.argmax(claims))
    return SetPlan(
        level=float(levels[best]),
        n_least=least,
        n=count,
        boundary=tests[best],
        discoveries=images * claims[best],
        discoveries_full=images * (used * full(float(balanced)) + (1 - used) * float(balanced)),
        reads_used=tests[best].expected_queries(alternative),
        reads_unused=tests[best].expected_queries(NULL),
    )


def _discoveries(
    test: Boundary, alternative: Alternative, q: float, used: float, slack: float
) -> float:
    """Share of images that Benjamini-Hochberg claims from stopped p-values, in a large set."""
    values = test.claim_p_values()
    order = np.argsort(values)
    found = np.cumsum(test.states.mass(alternative)[test.states.side != 0][order])
    share = used * found + (1 - used) * values[order]
    kept = np.flatnonzero(values[order] <= q * (1 - slack) * share)
    return float(share[kept[-1]]) if kept.size else 0.0


def _rank_power(n: int, alternative: Alternative) -> Callable[[float], float]:
    """Chance that a used image has (T + 1)/n <= x."""
    total = np.cumsum(np.exp(alternative.log_pmf(n - 1, np.arange(n), n)))

    def power(x: float) -> float:
        top = int(x * n + 1e-9)
        return float(total[top - 1]) if top >= 1 else 0.0

    return power


def _balance(power: Callable[[float], float], q: float, used: float, n: int) -> Fraction:
    """Largest level k/n with level <= q (used power + (1 - used) level)."""
    for k in range(int(q * n), 0, -1):
        x = k / n
        if x <= q * (used * power(x) + (1 - used) * x):
            return Fraction(k, n)
    raise ValueError(
        f"q={q}, used={used}, n={n}: no level balances, so Benjamini-Hochberg would keep nothing; "
        "accepted are more versions, a larger share of used images or a stronger alternative"
    )
