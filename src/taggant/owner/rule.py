"""What an audit of a folder decides, and by which rule; fixed before the first query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggant import stats
from taggant.stats import Boundary, benjamini_hochberg, fisher
from taggant.stats.planning import plan_set

TESTS = ("optimal", "rank", "pprm", "besag_clifford")
EXPECTED_USED = stats.Beta(1, 50)
IN_SETS = 0.995
"""`keep` of the optimal test in sets: near the balance a little power decides over every claim."""


@dataclass(frozen=True)
class Rule:
    """How pictures are claimed.

    Attributes
    ----------
    test : str
        One of `TESTS`.
    level : str
        Size of each picture's test, as a decimal.
    options : mapping
        Further arguments of the test.
    q : str
        False discovery rate over the pictures (Benjamini-Hochberg); empty: each picture is claimed
        by its own test, and the error rate is that of one picture.

    Raises
    ------
    ValueError
        For a test that there is not.
    """

    test: str
    level: str
    options: Mapping[str, Any]
    q: str = ""

    def __post_init__(self) -> None:
        if self.test not in TESTS:
            raise ValueError(f"test {self.test!r}: accepted are {', '.join(TESTS)}")

    @classmethod
    def each(cls, p: str, test: str = "optimal") -> Rule:
        """Every picture by itself at false-detection rate p."""
        return cls(test, p, {})

    @classmethod
    def discoveries(cls, q: str, pictures: int, n: int, used: float, level: str = "") -> Rule:
        """Many pictures at false discovery rate q; tests of the level that suits the set."""
        if not level:
            level = f"{plan_set(pictures, float(q), used, EXPECTED_USED, n).level:.6g}"
        return cls("optimal", level, {"keep": IN_SETS}, q)

    def boundary(self, n: int) -> Boundary:
        """The test of one picture with n versions."""
        made: Boundary = getattr(stats, self.test)(n, self.level, **self.options)
        return made


@dataclass(frozen=True)
class Verdict:
    """What the bits prove. Arrays are [pictures].

    Attributes
    ----------
    claim : bool array
    read, exceedances : int array
        Hidden versions read until the test stopped, and those that beat the published one.
    p_value : float array
        Exact, stopped.
    adjusted : float array
        Smallest q at which the picture would be claimed; the p-value itself without q.
    set_p : float
        Of "none of these pictures was used", by Fisher's combination.
    """

    claim: NDArray[np.bool_]
    read: NDArray[np.int64]
    exceedances: NDArray[np.int64]
    p_value: NDArray[np.float64]
    adjusted: NDArray[np.float64]
    set_p: float


def decide(
    rule: Rule, boundary: Boundary, bits: NDArray[np.bool_], depth: NDArray[np.int64]
) -> Verdict:
    """Apply a rule to exceedance bits [pictures, columns], of which `depth` are real.

    Guarantee: were the model independent of the published versions, each picture would be claimed
    with probability at most the level (without q), or the expected share of wrong claims would be
    at most q (with q); `set_p` is a valid p-value, as the indices are drawn independently.
    """
    decisions = boundary.run(bits, depth)
    p = np.minimum(decisions.p_value, 1.0)
    set_p = float(np.exp(fisher(np.log(p))))
    if not rule.q:
        return Verdict(decisions.claim, decisions.read, decisions.exceedances, p, p, set_p)
    found = benjamini_hochberg(p, float(rule.q))
    return Verdict(found.rejected, decisions.read, decisions.exceedances, p, found.adjusted, set_p)
