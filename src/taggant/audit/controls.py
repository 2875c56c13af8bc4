"""Control queries: whether a model answers as one function, by which versions can be compared.

A fault voids an audit: no claim is made of it. So the checks can only take claims away, and the
bound on the false-detection rate holds with them as without, however often they are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

CONTROLS = 8
"""Most versions that are asked again and again; and the fewest instances a pattern is seen in."""
PERIOD = 32
"""Mean number of full batches between two rounds of controls."""
STEADY = 1e-3
"""Share of the controls' standard deviation that one may move by."""

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

    They are the first rows of the probe, version 0 of an instance each: a choice that knows
    nothing of the published index.

    Parameters
    ----------
    probe : float array [B]
        Scores that the probe gave them first.
    grid : float
        Of the scores; smaller moves are no news.
    period : int
        Mean number of images between two rounds of controls.
    seed : int
        Of the intervals, each uniform between half the period and one and a half.

    Attributes
    ----------
    fault : str or None
        Why the audit is void.
    """

    probe: NDArray[np.float32]
    grid: float
    period: int
    seed: int
    fault: str | None = None
    first: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        self.first = self.probe[:CONTROLS]
        self._times = np.random.default_rng(self.seed)
        self._next = self._interval()
        if len(self.probe) >= CONTROLS and self.grid > self.probe.std():
            self.fault = NOISY

    def __len__(self) -> int:
        return len(self.first)

    def due(self, asked: int) -> int:
        """How many controls belong into the next round, after so many images: all or none."""
        if asked < self._next:
            return 0
        self._next = asked + self._interval()
        return len(self)

    def check(self, again: NDArray[np.float32]) -> None:
        """Compare the controls' scores, all or none, with the first ones."""
        if len(again) == 0:
            return
        limit = max(self.grid, STEADY * float(self.first.std()))
        if np.abs(again.astype(np.float64) - self.first).max() > limit:
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


def most_controls(rows: int, period: int, images: int) -> int:
    """Most control images that an audit asks of `rows` instances and at most `images` images."""
    return min(rows, CONTROLS) * (1 + images // max(1, period // 2))
