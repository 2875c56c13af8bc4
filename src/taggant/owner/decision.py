"""What an audit of a folder decides, and by which rule, fixed before the first query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from taggant import stats
from taggant.auditing.comparison import firm
from taggant.owner.schema import Decimal, GrownSchema, decimal
from taggant.stats import Boundary, Decisions, benjamini_hochberg, fisher
from taggant.stats.sets import POWER_SHARE_IN_SETS, plan_set

Test = Literal["optimal", "rank", "pprm", "besag_clifford", "controls", "combined"]
TESTS: Mapping[str, Callable[[int, Fraction], Boundary]] = {
    "optimal": stats.optimal,
    "rank": stats.rank,
    "pprm": stats.pprm,
    "besag_clifford": stats.besag_clifford,
}
"""Tests of one picture by its versions: versions and level -> boundary."""
CONTROLS, COMBINED = "controls", "combined"
"""Tests of one picture by withheld ones, and by both (`taggant.owner.withheld`)."""
EXPECTED_USED = stats.Beta(1, 50)
AT_ONCE = 1 << 22
"""Bits that a test is run on at once."""


class DecisionRule(GrownSchema):
    """How pictures are claimed.

    Attributes
    ----------
    test : str
        One of `TESTS`; with `q` the optimal one, as it is made for sets. Or by withheld pictures:
        "controls", or "combined" with the ranks of versions, all of which are read.
    level : str
        Size of each picture's test, as it is written; by withheld pictures with `q`, that.
    q : str or None
        False discovery rate over the pictures (Benjamini-Hochberg); None: each picture is claimed
        by its own test, and the error rate is that of one picture.
    weight : str or None
        Of the versions when combined, in Stouffer's sum.
    asked : int or None
        By withheld pictures: versions of each picture that its score is the mean of.
    """

    test: Test
    level: Decimal
    q: Decimal | None
    weight: Decimal | None = None
    asked: Annotated[int, Field(ge=1, le=1000)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> DecisionRule:
        if self.q is not None and self.test != "optimal" and not self.by_withheld:
            raise ValueError(f"test = {self.test}: with q it is 'optimal'")
        if self.by_withheld and self.q not in (None, self.level):
            raise ValueError(f"level = {self.level}: with test {self.test} it is q, {self.q}")
        if (self.asked is not None) != self.by_withheld:
            raise ValueError(f"asked = {self.asked}: the test is {self.test}")
        if (self.weight is not None) != (self.test == COMBINED):
            raise ValueError(f"weight = {self.weight}: the test is {self.test}")
        return self

    @property
    def by_withheld(self) -> bool:
        """Whether pictures are compared with withheld ones."""
        return self.test in (CONTROLS, COMBINED)

    @property
    def by_versions(self) -> bool:
        """Whether hidden versions are asked."""
        return self.test != CONTROLS

    @classmethod
    def each(cls, p: str, test: str = "optimal") -> DecisionRule:
        """Every picture by itself at false-detection rate p."""
        return cls.from_values(test=test, level=decimal(p), q=None)

    @classmethod
    def discoveries(
        cls, q: str, pictures: int, n: int, used: float, level: str = ""
    ) -> DecisionRule:
        """Many pictures at false discovery rate q; tests of the level that suits the set."""
        q = decimal(q)
        if not level:
            level = str(plan_set(pictures, q, used, EXPECTED_USED, n).level)
        return cls.from_values(test="optimal", level=decimal(level), q=q)

    @classmethod
    def controlled(cls, test: str, p: str, q: str | None, weight: str, asked: int) -> DecisionRule:
        """By withheld pictures, each at p or all at false discovery rate q."""
        own = decimal(weight) if test == COMBINED else None
        q = None if q is None else decimal(q)
        return cls.from_values(test=test, level=q or decimal(p), q=q, weight=own, asked=asked)

    def boundary(self, n: int) -> Boundary:
        """The test of one picture with n versions; where ranks are combined, one that reads all.

        Raises
        ------
        ValueError
            If there is none of that level.
        """
        if self.by_withheld:
            return stats.rank(n, Fraction(1, n))
        level = Fraction(self.level)
        if self.q is None:
            return TESTS[self.test](n, level)
        return stats.optimal(n, level, min_power_share=POWER_SHARE_IN_SETS)


@dataclass(frozen=True)
class Verdict:
    """What the comparisons with hidden versions prove. Arrays are [pictures].

    Attributes
    ----------
    claim : bool array
        Claims that no doubtful comparison decides (`taggant.auditing.comparison`).
    withheld : bool array
        No claims; they would be if tie keys decided, or an answer that moved later.
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
    withheld: NDArray[np.bool_]
    read: NDArray[np.int64]
    exceedances: NDArray[np.int64]
    p_value: NDArray[np.float64]
    adjusted: NDArray[np.float64]
    set_p: float


def decide(rule: DecisionRule, boundary: Boundary, rows: Sequence[NDArray[np.bool_]]) -> Verdict:
    """Apply a rule to the exceedances and doubtful comparisons [2, read] of pictures.

    Guarantee: were the model independent of the published versions, each picture would be claimed
    with probability at most the level (without q), or the expected share of wrong claims would be
    at most q (with q); `set_p` is a valid p-value, as the indices are drawn independently.
    """
    width = max(1, *(row.shape[1] for row in rows))
    step = max(1, AT_ONCE // width)
    parts = [_run(boundary, rows[start : start + step]) for start in range(0, len(rows), step)]
    asis, firmly = (_joined(some) for some in zip(*parts, strict=True))
    claim, adjusted = _claims(rule, firmly)
    return Verdict(
        claim,
        _claims(rule, asis)[0] & ~claim,
        firmly.read,
        firmly.exceedances,
        firmly.p_value,
        adjusted,
        float(np.exp(fisher(np.log(firmly.p_value)))),
    )


def _claims(rule: DecisionRule, found: Decisions) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Claims, and the adjusted p-values."""
    if rule.q is None:
        return found.claim, found.p_value
    many = benjamini_hochberg(found.p_value, float(Fraction(rule.q)))
    return many.rejected, many.adjusted


def _run(boundary: Boundary, rows: Sequence[NDArray[np.bool_]]) -> tuple[Decisions, Decisions]:
    reads = np.array([row.shape[1] for row in rows], np.int64)
    bits, doubtful = np.zeros((2, len(rows), reads.max()), bool)
    for number, (row, doubts) in enumerate(rows):
        bits[number, : len(row)], doubtful[number, : len(row)] = row, doubts
    return firm(boundary, bits, doubtful, reads)


def _joined(parts: Sequence[Decisions]) -> Decisions:
    """Decisions of several lots of pictures as one; p-values of at most 1."""
    every = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Decisions)
    }
    return Decisions(**{**every, "p_value": np.minimum(every["p_value"], 1.0)})
