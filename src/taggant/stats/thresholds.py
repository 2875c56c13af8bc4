"""A sequential rank test as integers: when to claim, when to give up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from taggant.stats.alternatives import NULL, Alternative
from taggant.stats.arrays import Bools, Ints, integers
from taggant.stats.checks import shown
from taggant.stats.levels import MOST_VERSIONS

USED, NOTHING, OVER_FORGOTTEN = 1, 0, -1


@dataclass(frozen=True, eq=False)
class Thresholds:
    """When a test of n versions claims and when it gives up; `Boundary` tells what follows.

    Attributes
    ----------
    claim, stop : int arrays [n], over t = 0..n-1 hidden versions read
    claim_high : int array [n] or None
    null : Alternative
        The law of the exceedances that the test would reject.

    Raises
    ------
    ValueError
        If the arrays do not describe a test: lengths, overlapping regions, or states that the last
        row leaves undecided.
    """

    claim: Ints
    stop: Ints
    claim_high: Ints | None = None
    null: Alternative = NULL

    def __post_init__(self) -> None:
        for name in ("claim", "stop", "claim_high"):
            value = getattr(self, name)
            if value is None and name == "claim_high":
                continue
            array = integers(value, name, -MOST_VERSIONS, 2 * MOST_VERSIONS)
            if array.ndim != 1 or not 2 <= array.size <= MOST_VERSIONS + 1:
                raise ValueError(
                    f"{name} has shape {array.shape}; accepted is one integer for each "
                    f"t = 0..n-1, n = 2..{MOST_VERSIONS + 1}"
                )
            if array.size != len(self.claim):
                raise ValueError(
                    f"{name} has {array.size} rows; accepted are {len(self.claim)}, as in claim"
                )
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if not hasattr(self.null, "log_pmf"):
            raise ValueError(
                f"null={shown(self.null)}: accepted are laws such as {NULL!r} and Fixed(0.5)"
            )
        self._check_regions()

    def _check_regions(self) -> None:
        if (bad := np.flatnonzero(self.claim >= self.stop)).size:
            raise ValueError(f"claim[{bad[0]}] >= stop[{bad[0]}]: a state cannot be both")
        if self.claim_high is not None:
            high, t = self.claim_high, np.arange(self.n)
            if (bad := np.flatnonzero((high <= self.claim) | (high <= t - self.stop))).size:
                raise ValueError(
                    f"claim_high[{bad[0]}] = {high[bad[0]]} overlaps the other regions"
                )
        ended, _ = self.decided(self.n - 1, np.arange(self.n))
        if not ended.all():
            raise ValueError(f"the last row, t={self.n - 1}, leaves states undecided")

    @property
    def n(self) -> int:
        """Versions of one image, the published one included."""
        return int(self.claim.size)

    def outcome(self, t: ArrayLike, s: ArrayLike) -> tuple[Bools, Ints]:
        """Return, elementwise, whether the test stops at (t, s) and which side it claims.

        Parameters
        ----------
        t, s : int arrays
            Hidden versions read, 0..n-1, and exceedances among them.

        Examples
        --------
        >>> from taggant.stats import besag_clifford
        >>> ended, side = besag_clifford(100, 0.05).outcome([10, 10, 39], [1, 2, 1])
        >>> ended, side
        (array([False,  True,  True]), array([0, 0, 1]))
        """
        return self.decided(integers(t, "t", 0, self.n - 1), integers(s, "s", 0, self.n - 1))

    def decided(self, t: int | Ints, s: Ints) -> tuple[Bools, Ints]:
        """Do what `outcome` does, without its checks; the arrays are broadcast."""
        side = np.where(s <= self.claim[t], USED, NOTHING)
        gives_up = s >= self.stop[t]
        if self.claim_high is not None:
            side = np.where(s >= self.claim_high[t], OVER_FORGOTTEN, side)
            gives_up &= s <= t - self.stop[t]
        return gives_up | (side != NOTHING), side
