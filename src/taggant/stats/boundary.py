"""A sequential rank test is a boundary: when to claim, when to give up, as integers.

Everything about a test follows exactly from its boundary: size, power under any alternative, hidden
versions read, p-values of stopped audits. Nothing here is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggant.stats.alternatives import NULL, Alternative, Beta, Floats, Ints
from taggant.stats.chain import NOTHING, OVER_FORGOTTEN, USED, StoppingStates, stopping_states

Bools = NDArray[np.bool_]
Ordering = Literal["stagewise", "likelihood"]

_ROWS, _COLUMNS = 4096, 128  # a block stays in the cache, and its row sums fit 8 bits


@dataclass(frozen=True, eq=False)
class Decisions:
    """What a test says about each instance. All arrays are [instances].

    Attributes
    ----------
    claim : bool array
        A claim was made (in a two-sided test: either claim, see `side`).
    side : int array
        1: "used", the published version ranks too high for chance; -1: "over-forgotten", it ranks
        too low (two-sided tests only); 0: no claim, which is *not* evidence of the contrary.
    read : int array
        Hidden versions read one by one until the stop.
    exceedances : int array
        Those among them that beat the published version.
    p_value : float array
        Exact stopped p-value, stage-wise ordering: P(p_value <= x) <= x under the null for every x,
        and p_value <= size exactly when there is a claim.
    """

    claim: Bools
    side: Ints
    read: Ints
    exceedances: Ints
    p_value: Floats

    def __len__(self) -> int:
        return int(self.claim.size)


@dataclass(frozen=True, eq=False)
class Boundary:
    """A sequential rank test of "the model is independent of the published index".

    With S_t exceedances among the first t hidden versions, read in random order, claim "used" at
    the first t with ``S_t <= claim[t]``; give up at the first t with ``S_t >= stop[t]``. The last
    row must decide every state.

    A two-sided test also claims "over-forgotten" at the first t with ``S_t >= claim_high[t]``, and
    gives up only between the sides, where ``stop[t] <= S_t <= t - stop[t]``.

    Guarantee: if the published index is uniform and secret and the model and the scores are
    independent of it given the versions, P(claim) = `size()`, exactly (docs/guarantees.md).
    Replaying the same bits twice gives the same decisions.

    Attributes
    ----------
    claim, stop : int arrays [n], over t = 0..n-1 hidden versions read
    claim_high : int array [n] or None
    null : Alternative
        What `size` and the p-values refer to: the uniform chain for n versions of one image.

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
            if value is None:
                continue
            array = np.array(value, dtype=np.int64)
            array.setflags(write=False)
            if array.ndim != 1 or array.size < 2 or array.size != len(self.claim):
                raise ValueError(
                    f"{name} has shape {array.shape}; accepted is one integer for each "
                    f"t = 0..n-1, n >= 2, as many as in claim ({len(self.claim)})"
                )
            object.__setattr__(self, name, array)
        self._check_regions()

    def _check_regions(self) -> None:
        t = np.arange(self.n)
        if (bad := np.flatnonzero(self.claim >= self.stop)).size:
            raise ValueError(f"claim[{bad[0]}] >= stop[{bad[0]}]: a state cannot be both")
        last = self.n - 1
        if self.claim_high is None:
            decided = self.stop[last] <= max(self.claim[last] + 1, 0) or self.claim[last] >= last
        else:
            low, high = self.claim, self.claim_high
            if (bad := np.flatnonzero((high <= low) | (high <= t - self.stop))).size:
                raise ValueError(
                    f"claim_high[{bad[0]}] = {high[bad[0]]} overlaps the other regions"
                )
            middle = set(range(int(self.stop[last]), int(last - self.stop[last]) + 1))
            left = set(range(int(low[last]) + 1, int(high[last]))) & set(range(self.n))
            decided = left <= middle
        if not decided:
            raise ValueError(f"the last row, t={last}, leaves states undecided")

    @property
    def n(self) -> int:
        """Versions of one image, the published one included."""
        return int(self.claim.size)

    # --- exact operating characteristics -------------------------------------------------------

    @cached_property
    def states(self) -> StoppingStates:
        """Every state in which the test can stop, with its exact weight."""
        return stopping_states(self)

    def size(self) -> float:
        """Return P(claim) under the null: the false-detection rate of one audit."""
        return self._p_values("stagewise", _DESIGN)[1]

    def power(self, alternative: Alternative) -> float:
        """Return P(claim) under an alternative (`Beta`, `Fixed` or `Histogram`)."""
        return float(self.states.mass(alternative)[self.states.side != NOTHING].sum())

    def power_of_side(self, alternative: Alternative, side: int = USED) -> float:
        """Return P(claim of this side): 1 "used", -1 "over-forgotten"."""
        return float(self.states.mass(alternative)[self.states.side == side].sum())

    def expected_queries(self, alternative: Alternative) -> float:
        """Return the mean number of hidden versions read (K = 1; the published one not counted)."""
        return float(self.states.mass(alternative) @ self.states.t)

    # --- p-values of stopped audits ------------------------------------------------------------

    def _p_values(self, ordering: Ordering, alternative: Alternative) -> tuple[Floats, float]:
        """Exact p-value of every stopping state, and the size (that of the last claiming one)."""
        cache: dict[tuple[str, Alternative], tuple[Floats, float]]
        cache = self.__dict__.setdefault("_p_value_cache", {})
        key = (ordering, alternative)
        if key not in cache:
            cache[key] = _order_and_sum(self, ordering, alternative)
        return cache[key]

    def p_value(
        self,
        t: ArrayLike,
        s: ArrayLike,
        ordering: Ordering = "stagewise",
        alternative: Alternative | None = None,
    ) -> Floats:
        """Return the exact p-value of an audit that stopped after t reads with s exceedances.

        The stopping states are put in order of evidence, claims always before the rest, and the
        null mass up to and including the observed one is summed. Valid for any ordering chosen
        beforehand: P(p_value <= x) <= x; and p_value <= size if and only if there is a claim.

        Parameters
        ----------
        t, s : int arrays of one shape
            Stopping states of this boundary.
        ordering : {"stagewise", "likelihood"}
            "stagewise": the earlier a claim the stronger, the later a surrender the stronger, fewer
            exceedances first within one t. "likelihood": by likelihood ratio against `alternative`.
        alternative : Alternative, optional
            Used by "likelihood"; Beta(1, 50) if not given.

        Raises
        ------
        ValueError
            If (t, s) is not a state in which this test stops.
        """
        values, _ = self._p_values(ordering, alternative or _DESIGN)
        t, s = np.broadcast_arrays(np.asarray(t, np.int64), np.asarray(s, np.int64))
        keys = self.states.t * self.n + self.states.s
        wanted = t * self.n + s
        place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
        if np.any(keys[place] != wanted):
            index = np.flatnonzero((keys[place] != wanted).ravel())[0]
            raise ValueError(
                f"(t={t.ravel()[index]}, s={s.ravel()[index]}) is not a state in which this test "
                "stops; accepted are the pairs in boundary.states"
            )
        return np.asarray(values[place])

    def claim_p_values(self) -> Floats:
        """Return the stage-wise p-value of every claiming state, in the order of `states`."""
        return np.asarray(self._p_values("stagewise", _DESIGN)[0][self.states.side != NOTHING])

    # --- use -----------------------------------------------------------------------------------

    def outcome(self, t: ArrayLike, s: ArrayLike) -> tuple[Bools, Ints]:
        """Return, elementwise, whether the test stops at (t, s) and which side it claims."""
        t, s = np.broadcast_arrays(np.asarray(t, np.int64), np.asarray(s, np.int64))
        side = np.where(s <= self.claim[t], USED, NOTHING)
        gives_up = s >= self.stop[t]
        if self.claim_high is not None:
            side = np.where(s >= self.claim_high[t], OVER_FORGOTTEN, side)
            gives_up &= s <= t - self.stop[t]
        return gives_up | (side != NOTHING), side

    def stopped_at(
        self, exceedances: ArrayLike, read: ArrayLike = 0, count: ArrayLike = 0
    ) -> tuple[Ints, Ints]:
        """Find where each instance stops within a block of newly read versions.

        Parameters
        ----------
        exceedances : bool array [instances, block]
            Whether each newly read hidden version beats the published one, in reading order.
        read : int or int array [instances]
            Hidden versions read before the block, undecided there; 0 at the start.
        count : int or int array [instances]
            Exceedances among those.

        Returns
        -------
        t : int array [instances]
            Hidden versions read at the stop; -1 where the instance is still undecided.
        s : int array [instances]
            Exceedances at the stop, or at the end of the block where undecided.
        """
        bits = _as_bits(exceedances)
        m, width = bits.shape
        start = np.broadcast_to(np.asarray(read, np.int64), (m,))
        before = np.broadcast_to(np.asarray(count, np.int64), (m,))
        if np.any(start + width > self.n - 1):
            raise ValueError(
                f"{int(start.max())} + {width} hidden versions read; accepted are up to n-1 = "
                f"{self.n - 1}"
            )
        t = start[:, None] + np.arange(width + 1)
        s = before[:, None] + np.concatenate(
            [np.zeros((m, 1), np.int64), np.cumsum(bits, axis=1, dtype=np.int64)], axis=1
        )
        ended, _ = self.outcome(t, s)
        first = ended.argmax(axis=1)
        rows = np.arange(m)
        found = ended[rows, first]
        column = np.where(found, first, width)
        return np.where(found, t[rows, column], -1), s[rows, column]

    def run(self, exceedances: ArrayLike, depth: ArrayLike | None = None) -> Decisions:
        """Replay one-by-one audits of many instances.

        Parameters
        ----------
        exceedances : bool array [instances, columns <= n-1]
            Whether each hidden version beats the published one, in reading order.
        depth : int array [instances], optional
            How many of the columns are real for each instance; all of them if not given.

        Raises
        ------
        ValueError
            If an instance is undecided at its depth: the missing bits are never guessed.
        """
        bits = _as_bits(exceedances)
        m, width = bits.shape
        if width > self.n - 1:
            raise ValueError(f"{width} columns of exceedances, accepted are up to {self.n - 1}")
        real = np.full(m, width) if depth is None else np.asarray(depth, np.int64)
        if real.shape != (m,) or np.any((real < 0) | (real > width)):
            raise ValueError(f"depth: accepted are {m} integers in 0..{width}, one an instance")
        t, s = np.full(m, -1, np.int64), np.zeros(m, np.int64)
        for top in range(0, m, _ROWS):
            rows = slice(top, top + _ROWS)
            t[rows], s[rows] = self._run_rows(bits[rows])
        if (bad := np.flatnonzero((t < 0) | (t > real))).size:
            raise ValueError(
                f"{bad.size} of {m} instances are undecided at their depth, the first is instance "
                f"{bad[0]} with {real[bad[0]]} versions read; read on until the test stops"
            )
        _, side = self.outcome(t, s)
        return Decisions(side != NOTHING, side, t, s, self.p_value(t, s))

    def _run_rows(self, bits: Bools) -> tuple[Ints, Ints]:
        m, width = bits.shape
        t, s = np.full(m, -1, np.int64), np.zeros(m, np.int64)
        undecided = np.arange(m)
        for left in range(0, max(width, 1), _COLUMNS):
            columns = slice(left, left + _COLUMNS)
            block = bits[:, columns] if undecided.size == m else bits[undecided, columns]
            before = s[undecided]
            after = before + np.add.reduce(block.view(np.uint8), axis=1, dtype=np.uint8)
            # Most instances are far from every threshold of the block: a sum settles them.
            near = np.flatnonzero(self._may_stop(left, block.shape[1], before, after))
            s[undecided] = after
            if near.size:
                ended, total = self._block(block[near], left, before[near])
                first = ended.argmax(axis=1)
                found = ended[np.arange(near.size), first]
                stopped = undecided[near[found]]
                t[stopped] = left + first[found]
                s[stopped] = total[found, first[found]]
                undecided = np.delete(undecided, near[found])
            if undecided.size == 0:
                break
        return t, s

    def _may_stop(self, left: int, width: int, before: Ints, after: Ints) -> Bools:
        """Can a path from `before` at t = left to `after` at left + width meet a threshold?"""
        rows = slice(left, left + width + 1)
        t = np.arange(left, left + width + 1)
        lowest = [self.stop[rows][self.stop[rows] <= t]]
        if self.claim_high is not None:
            lowest.append(self.claim_high[rows][self.claim_high[rows] <= t])
        least = min((int(x.min()) for x in lowest if x.size), default=self.n)
        return np.asarray((before <= self.claim[rows].max()) | (after >= least))

    def _block(self, block: Bools, left: int, before: Ints) -> tuple[Bools, Ints]:
        """Cumulative counts at t = left..left+width and where the test would stop."""
        m, width = block.shape
        narrow = np.int32 if self.n > 30_000 else np.int16
        total = np.empty((m, width + 1), narrow)
        total[:, 0] = before
        np.cumsum(block, axis=1, dtype=narrow, out=total[:, 1:])
        total[:, 1:] += total[:, :1]
        rows = slice(left, left + width + 1)
        top = np.iinfo(narrow).max
        stop = np.minimum(self.stop[rows], top).astype(narrow)
        ended = total >= stop
        if self.claim_high is not None:
            ended &= total <= (np.arange(left, left + width + 1) - stop).astype(narrow)
            ended |= total >= np.minimum(self.claim_high[rows], top).astype(narrow)
        ended |= total <= self.claim[rows].astype(narrow)
        return ended, total


_DESIGN = Beta(1.0, 50.0)


def _as_bits(exceedances: ArrayLike) -> Bools:
    bits = np.asarray(exceedances)
    if bits.ndim != 2 or bits.dtype != np.bool_:
        raise ValueError(
            f"exceedances: accepted is a bool array [instances, versions read], got {bits.dtype} "
            f"of shape {bits.shape}"
        )
    return bits


def _order_and_sum(
    boundary: Boundary, ordering: Ordering, alternative: Alternative
) -> tuple[Floats, float]:
    states = boundary.states
    null = states.mass(boundary.null)
    claims = states.side != NOTHING
    if ordering == "stagewise":
        two_sided = boundary.claim_high is not None
        beats = np.minimum(states.s, states.t - states.s) if two_sided else states.s
        keys = [beats, np.where(claims, states.t, -states.t), ~claims]
    elif ordering == "likelihood":
        weight = _evidence(boundary, alternative)
        keys = [np.round(-weight, 9), ~claims]
    else:
        raise ValueError(f"ordering={ordering!r}: accepted are 'stagewise' and 'likelihood'")
    order = np.lexsort(keys)
    running = np.cumsum(null[order])
    # States that the ordering ties share the p-value of the last of them.
    same = np.ones(order.size - 1, bool)
    for key in keys:
        same &= key[order][1:] == key[order][:-1]
    last = np.append(~same, True)
    group = np.cumsum(last) - last
    running = running[last][group]
    size = float(running[claims[order]][-1]) if claims.any() else 0.0
    # Rounding must not let a surrender share the p-value of the weakest claim.
    running = np.where(claims[order], running, np.maximum(running, np.nextafter(size, 1.0)))
    values = np.empty_like(running)
    values[order] = np.minimum(running, 1.0)
    return values, size


def _evidence(boundary: Boundary, alternative: Alternative) -> Floats:
    """Log likelihood ratio of each stopping state; two-sided: of the half-and-half mixture."""
    states = boundary.states
    null = boundary.null.log_pmf(states.t, states.s, states.n)
    first = alternative.log_pmf(states.t, states.s, states.n)
    if boundary.claim_high is None:
        return np.asarray(first - null)
    last = alternative.log_pmf(states.t, states.t - states.s, states.n)
    return np.asarray(np.logaddexp(first, last) - np.log(2.0) - null)
