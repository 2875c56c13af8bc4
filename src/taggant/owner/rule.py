"""What an audit of a folder decides, and by which rule; fixed before the first query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from taggant import stats
from taggant.owner.form import Decimal, Form, decimal
from taggant.stats import Boundary, Decisions, benjamini_hochberg, fisher
from taggant.stats.planning import plan_set

Test = Literal["optimal", "rank", "pprm", "besag_clifford"]
TESTS: tuple[str, ...] = get_args(Test)
EXPECTED_USED = stats.Beta(1, 50)
IN_SETS = 0.995
"""`keep` of the optimal test in sets: near the balance a little power decides over every claim."""
AT_ONCE = 1 << 22
"""Bits that a test is run on at once."""


class Rule(Form):
    """How pictures are claimed.

    Attributes
    ----------
    test : str
        One of `TESTS`; with `q` the optimal one, as it is made for sets.
    level : str
        Size of each picture's test, as it is written.
    q : str or None
        False discovery rate over the pictures (Benjamini-Hochberg); None: each picture is claimed
        by its own test, and the error rate is that of one picture.
    """

    test: Test
    level: Decimal
    q: Decimal | None

    @model_validator(mode="after")
    def _fits(self) -> Rule:
        if self.q is not None and self.test != "optimal":
            raise ValueError(f"test = {self.test}: with q it is 'optimal'")
        return self

    @classmethod
    def each(cls, p: str, test: str = "optimal") -> Rule:
        """Every picture by itself at false-detection rate p."""
        return cls.of(test=test, level=decimal(p), q=None)

    @classmethod
    def discoveries(cls, q: str, pictures: int, n: int, used: float, level: str = "") -> Rule:
        """Many pictures at false discovery rate q; tests of the level that suits the set."""
        q = decimal(q)
        if not level:
            planned = plan_set(pictures, float(Fraction(q)), used, EXPECTED_USED, n).level
            level = str(Fraction(planned).limit_denominator(10**9))  # no rank short
        return cls.of(test="optimal", level=decimal(level), q=q)

    def boundary(self, n: int) -> Boundary:
        """The test of one picture with n versions.

        Raises
        ------
        ValueError
            If there is none of that level.
        """
        options: dict[str, Any] = {} if self.q is None else {"keep": IN_SETS}
        made: Boundary = getattr(stats, self.test)(n, Fraction(self.level), **options)
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


def decide(rule: Rule, boundary: Boundary, rows: Sequence[NDArray[np.bool_]]) -> Verdict:
    """Apply a rule to the exceedance bits of pictures, in reading order.

    Guarantee: were the model independent of the published versions, each picture would be claimed
    with probability at most the level (without q), or the expected share of wrong claims would be
    at most q (with q); `set_p` is a valid p-value, as the indices are drawn independently.
    """
    width = max(1, *(len(row) for row in rows))
    step = max(1, AT_ONCE // width)
    parts = [_run(boundary, rows[start : start + step]) for start in range(0, len(rows), step)]
    p = np.minimum(np.concatenate([part.p_value for part in parts]), 1.0)
    claim, adjusted = np.concatenate([part.claim for part in parts]), p
    if rule.q is not None:
        found = benjamini_hochberg(p, float(Fraction(rule.q)))
        claim, adjusted = found.rejected, found.adjusted
    return Verdict(
        claim,
        np.concatenate([part.read for part in parts]),
        np.concatenate([part.exceedances for part in parts]),
        p,
        adjusted,
        float(np.exp(fisher(np.log(p)))),
    )


def _run(boundary: Boundary, rows: Sequence[NDArray[np.bool_]]) -> Decisions:
    depth = np.array([len(row) for row in rows], np.int64)
    bits = np.zeros((len(rows), max(1, int(depth.max()))), bool)
    for number, row in enumerate(rows):
        bits[number, : len(row)] = row
    return boundary.run(bits, depth)
