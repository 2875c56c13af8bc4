"""Control queries: does a model answer as one fixed function? Else versions cannot be compared.

A fault voids an audit: no claim is made of it. So the checks can only take claims away, and the
bound on the false-detection rate holds with them as without, however often they are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

CONTROLS = 8
"""Most versions that are asked again and again; and the fewest instances a pattern is seen in."""
PERIOD = 32
"""Mean number of full batches between two rounds of controls."""
STEADY = 1e-3
"""Share of the controls' standard deviation that one may move by before the end."""
COARSE = 10
"""Steps of the grid for the largest difference of answers to one version in one batch."""
WRONG = 0.005
"""Share of audits of a steady, noisy model that the test of the mean move voids."""
NEGLIGIBLE = 0.01
"""Moves, in standard deviations of an image's versions, that change nothing: one of all published
versions in one direction would make a size of .05 at most .051."""

DRIFTED = (
    "the model answered the same image differently at different times: it was changed, drifts or "
    "is random, and no score of one version can be compared with another's. The audit is void"
)
BLIND = (
    "the model gave all versions of an image the very same answer, for more than half of the "
    "images: it answers from a cache of near-copies, or does not look. The audit is void"
)
NOISY = (
    "the model's answers to one image differ more from batch to batch than those to different "
    "images do: they are noise. The audit is void"
)


@dataclass
class Controls:
    """A few versions of the probe, which are asked again at random times and at the end.

    They are the first rows of the probe: a choice that knows nothing of the published index.

    Parameters
    ----------
    probe : float array [B, 2]
        Scores of the probe's two batches, version by version; NaN where it was not asked.
    period : int
        Mean number of images between two rounds of controls.
    seed : int
        Of the intervals, each uniform between half the period and one and a half.
    one_each : bool
        The probe asked one version of each of several images.

    Attributes
    ----------
    first : float array [C]
        First scores of the controls.
    grid : float
        That hides the differences between the probe's batches.
    moves : float array [C]
        How far the controls were from their first scores when last asked.
    fault : str or None
        Why the audit is void.
    """

    probe: NDArray[np.float64]
    period: int
    seed: int
    one_each: bool = True
    fault: str | None = None
    first: NDArray[np.float64] = field(init=False)
    moves: NDArray[np.float64] = field(init=False)
    grid: float = field(init=False)

    def __post_init__(self) -> None:
        scores = self.probe[:, 0]
        self.first = scores[:CONTROLS]
        self.moves = np.zeros(len(self.first))
        self.grid = float(COARSE * np.nanmax(np.abs(self.probe - scores[:, None])))
        self._times = np.random.default_rng(self.seed)
        self._next = self._interval()
        if self.one_each and len(scores) >= CONTROLS and self.grid > scores.std():
            self.fault = NOISY

    def __len__(self) -> int:
        return len(self.first)

    def due(self, asked: int) -> int:
        """How many controls to ask in the next round, after `asked` images: all or none."""
        if asked < self._next:
            return 0
        self._next = asked + self._interval()
        return len(self)

    def check(self, again: NDArray[np.floating]) -> None:
        """Compare the controls' scores, all or none, with the first ones."""
        if len(again) == 0:
            return
        self.moves = again - self.first
        limit = max(self.grid, STEADY * float(self.first.std()))
        if np.abs(self.moves).max() > limit:
            self.fault = DRIFTED

    def settle(self, published: NDArray[np.float64], within: float) -> None:
        """Tell drift by versions that were asked first, and again after all they are compared with.

        Answers that change in between by a part of their noise are enough to make many published
        versions stand out. So what counts is not how far one moved but whether all did: on
        average, by more than the average's standard error explains; or each in its own way, by
        more than the probe's batches ever differed.

        Parameters
        ----------
        published : float array [M]
            Later score less the first, of published versions.
        within : float
            Standard deviation of an image's versions.
        """
        moves = np.concatenate([published, self.moves])
        error = moves.std(ddof=1) / np.sqrt(len(moves)) * t.isf(WRONG / 2, len(moves) - 1)
        nothing = NEGLIGIBLE * within
        each = np.sqrt((moves**2).mean())
        if abs(moves.mean()) > max(error, nothing) or each > max(self.grid / COARSE, nothing):
            self.fault = DRIFTED

    def look(self, published: NDArray[np.float32], tied: NDArray[np.bool_]) -> None:
        """Tell a model that gives an image's versions one answer, the image's own.

        Ties alone are no fault: a model that shows labels only ties most versions, and those of
        different images as well.

        Parameters
        ----------
        published : float array [I]
            Scores of the published versions.
        tied : bool array [I]
            Every hidden version read has that very score.
        """
        if len(published) < CONTROLS:
            return
        _, which, times = np.unique(published, return_inverse=True, return_counts=True)
        if (tied & (times[which] == 1)).mean() > 0.5:
            self.fault = BLIND

    def _interval(self) -> int:
        return int(self._times.uniform(0.5, 1.5) * self.period) + 1


def most_controls(period: int, images: int) -> int:
    """Most control images of an audit of so many images."""
    return CONTROLS * (1 + images // max(1, period // 2))
