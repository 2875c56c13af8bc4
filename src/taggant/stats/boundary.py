"""What follows from the thresholds of a test: size, power, cost, p-values of stopped audits.

All are exact numbers. Nothing here is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggant.stats.alternatives import Alternative, Beta
from taggant.stats.arrays import Bools, Floats, Ints, integers
from taggant.stats.chain import StoppingStates, claiming_states, stopping_states
from taggant.stats.checks import shown
from taggant.stats.replay import Decisions, first_stop, replay
from taggant.stats.thresholds import NOTHING, OVER_FORGOTTEN, USED, Thresholds

Ordering = Literal["stagewise", "likelihood"]

_DESIGN = Beta(1.0, 50.0)


@dataclass(frozen=True, eq=False)
class Boundary(Thresholds):
    """A sequential rank test of "the model is independent of the published index".

    With S_t exceedances among the first t hidden versions, read in random order, claim "used" at
    the first t with ``S_t <= claim[t]``; give up at the first t with ``S_t >= stop[t]``. The last
    row must decide every state.

    A two-sided test also claims "over-forgotten" at the first t with ``S_t >= claim_high[t]``, and
    gives up only between the sides, where ``stop[t] <= S_t <= t - stop[t]``.

    Guarantee: if the published index is uniform and secret and the model and the scores are
    independent of it given the versions, P(claim) = `size()`, exactly (docs/guarantees.md).
    Replaying the same bits twice gives the same decisions.

    Parameters
    ----------
    claim, stop : int arrays [n], over t = 0..n-1 hidden versions read
    claim_high : int array [n], optional
    null : Alternative
        What `size` and the p-values refer to: the uniform chain for n versions of one image.

    Raises
    ------
    ValueError
        If the arrays do not describe a test: lengths, overlapping regions, or states that the last
        row leaves undecided.

    Examples
    --------
    Of 5 versions, read until one beats the published one; claim if none does.

    >>> from taggant.stats import Beta, Boundary
    >>> test = Boundary(claim=[-1, -1, -1, -1, 0], stop=[1, 1, 1, 1, 1])
    >>> round(test.size(), 12), round(test.power(Beta.with_mean(0.01)), 3)
    (0.2, 0.961)
    """

    # --- exact operating characteristics -------------------------------------------------------

    @cached_property
    def states(self) -> StoppingStates:
        """Every state in which the test can stop, with its exact weight."""
        return stopping_states(self)

    @cached_property
    def _claiming(self) -> StoppingStates:
        """The states among them in which the test claims."""
        if self.claim_high is None and "states" not in self.__dict__:
            return claiming_states(self)
        kept = self.states.side != NOTHING
        every = (getattr(self.states, name)[kept] for name in ("t", "s", "weight", "side"))
        return StoppingStates(self.n, *every)

    def size(self) -> float:
        """Return P(claim) under the null: the false-detection rate of one audit.

        Examples
        --------
        >>> from taggant.stats import rank
        >>> round(rank(1000, 0.05).size(), 12)
        0.05
        """
        return self._size

    def power(self, alternative: Alternative) -> float:
        """Return P(claim) under an alternative (`Beta`, `Fixed` or `Histogram`).

        Examples
        --------
        >>> from taggant.stats import Beta, rank
        >>> round(rank(1000, 0.05).power(Beta.with_mean(0.01)), 3)
        0.992
        """
        return float(self._claiming.mass(alternative).sum())

    def power_of_side(self, alternative: Alternative, side: int = USED) -> float:
        """Return P(claim of this side): 1 "used", -1 "over-forgotten".

        Raises
        ------
        ValueError
            For another side.
        """
        if side not in (USED, OVER_FORGOTTEN):
            raise ValueError(f"side={shown(side)}: accepted are 1 and -1")
        return float(self.states.mass(alternative)[self.states.side == side].sum())

    def expected_queries(self, alternative: Alternative) -> float:
        """Return the mean number of hidden versions read (K = 1; the published one not counted).

        Examples
        --------
        >>> from taggant.stats import NULL, besag_clifford
        >>> round(besag_clifford(1000, 0.05, h=2).expected_queries(NULL), 1)
        7.5
        """
        last = self.n - 1
        if np.all(self.stop[:last] > np.arange(last)):
            saved = last - self._claiming.t  # who makes no claim reads everything
            return float(last - self._claiming.mass(alternative) @ saved)
        return float(self.states.mass(alternative) @ self.states.t)

    # --- p-values of stopped audits ------------------------------------------------------------

    @cached_property
    def _size(self) -> float:
        """Summed in stage-wise order, so that it is the p-value of the weakest claim."""
        claims = self._claiming
        mass = claims.mass(self.null)[np.lexsort(self._stages(claims))]
        return float(np.cumsum(mass)[-1]) if mass.size else 0.0

    @cached_property
    def _stagewise(self) -> Floats:
        """Stage-wise p-value of every stopping state."""
        states = self.states
        return _running_mass(self._stages(states), states.mass(self.null), states.side != NOTHING)

    def _stages(self, states: StoppingStates) -> tuple[NDArray[np.generic], ...]:
        """Keys of the stage-wise order, the last one first."""
        two_sided = self.claim_high is not None
        beats = np.minimum(states.s, states.t - states.s) if two_sided else states.s
        claims = states.side != NOTHING
        return beats, np.where(claims, states.t, -states.t), ~claims

    def _by_likelihood(self, alternative: Alternative) -> Floats:
        claims, size = self.states.side != NOTHING, self.size()
        keys = (np.round(-self._evidence(alternative), 9), ~claims)
        values = _running_mass(keys, self.states.mass(self.null), claims)
        # Summed in another order the claims' mass may come out an ulp away from `size()`.
        weakest = values >= np.max(values[claims], initial=0.0)
        claimed = np.where(weakest, size, np.minimum(values, size))
        return np.asarray(np.where(claims, claimed, np.maximum(values, np.nextafter(size, 1.0))))

    def _evidence(self, alternative: Alternative) -> Floats:
        """Log likelihood ratio of each stopping state; two-sided: of the half-and-half mixture."""
        states = self.states
        null = self.null.log_pmf(states.t, states.s, states.n)
        first = alternative.log_pmf(states.t, states.s, states.n)
        if self.claim_high is None:
            return np.asarray(first - null)
        last = alternative.log_pmf(states.t, states.t - states.s, states.n)
        return np.asarray(np.logaddexp(first, last) - np.log(2.0) - null)

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

        Examples
        --------
        >>> from taggant.stats import besag_clifford
        >>> besag_clifford(100, 0.05, h=2).p_value([5, 20, 39], [2, 2, 1]).round(6)
        array([0.4 , 0.1 , 0.05])
        """
        if ordering not in ("stagewise", "likelihood"):
            raise ValueError(
                f"ordering={shown(ordering)}: accepted are 'stagewise' and 'likelihood'"
            )
        t, s = np.broadcast_arrays(integers(t, "t", 0, self.n - 1), integers(s, "s", 0, self.n - 1))
        keys = self.states.t * self.n + self.states.s
        wanted = t * self.n + s
        row = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
        if (missing := np.flatnonzero(keys[row] != wanted)).size:
            raise ValueError(
                f"(t={t.ravel()[missing[0]]}, s={s.ravel()[missing[0]]}) is not a state in which "
                "this test stops; accepted are the pairs in boundary.states"
            )
        if ordering == "stagewise":
            return np.asarray(self._stagewise[row])
        return np.asarray(self._by_likelihood(_DESIGN if alternative is None else alternative)[row])

    # --- use -----------------------------------------------------------------------------------

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

        Raises
        ------
        ValueError
            If the bits are no bool array, or more than n - 1 versions would be read.
        """
        return first_stop(self, exceedances, read, count)

    def run(self, exceedances: ArrayLike, reads: ArrayLike | None = None) -> Decisions:
        """Replay one-by-one audits of many instances.

        Parameters
        ----------
        exceedances : bool array [instances, columns <= n-1]
            Whether each hidden version beats the published one, in reading order.
        reads : int array [instances], optional
            How many of the columns are real for each instance; all of them if not given.

        Raises
        ------
        ValueError
            If an instance is undecided after its reads: the missing bits are never guessed.

        Examples
        --------
        >>> import numpy as np
        >>> from taggant.stats import besag_clifford
        >>> bits = np.zeros((2, 99), bool)
        >>> bits[1, [3, 7]] = True
        >>> decisions = besag_clifford(100, 0.05, h=2).run(bits)
        >>> decisions.claim, decisions.read
        (array([ True, False]), array([39,  8]))
        """
        t, s = replay(self, exceedances, reads)
        _, side = self.outcome(t, s)
        return Decisions(side != NOTHING, side, t, s, self.p_value(t, s))


def _running_mass(keys: tuple[NDArray[np.generic], ...], null: Floats, claims: Bools) -> Floats:
    """Null mass up to each state, ordered by the keys, the last one first; claims come first."""
    order = np.lexsort(keys)
    running = np.cumsum(null[order])
    # States that the ordering ties share the p-value of the last of them.
    same = np.ones(order.size - 1, bool)
    for key in keys:
        same &= key[order][1:] == key[order][:-1]
    last = np.append(~same, True)
    group = np.cumsum(last) - last
    running = running[last][group]
    # Rounding must not let a surrender share the p-value of the weakest claim.
    size = float(running[claims[order]].max(initial=0.0))
    running = np.where(claims[order], running, np.maximum(running, np.nextafter(size, 1.0)))
    values = np.empty_like(running)
    values[order] = np.minimum(running, 1.0)
    return np.asarray(values)
