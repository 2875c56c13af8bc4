"""How far the scores of an image's versions are apart, and how far the published one's moved."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taggant.auditing.controls import Controls


class Spread:
    """Sums over what was read of each instance, [instances]."""

    def __init__(self, count: int) -> None:
        self.tied = np.ones(count, bool)
        self.moves = np.full(count, np.nan)
        self.count, self.total, self.square = np.zeros((3, count))

    def note(
        self,
        instance: NDArray[np.int64],
        scores: NDArray[np.float32],
        own: NDArray[np.float32],
        counted: NDArray[np.int64],
    ) -> None:
        """Add scores [instances, B], `counted` of each, and those of the published versions."""
        real = np.arange(scores.shape[1]) < counted[:, None]
        apart = np.where(real, scores.astype(float) - own[:, None], 0.0)
        self.tied[instance] &= (apart == 0).all(1)
        self.count[instance] += counted
        self.total[instance] += apart.sum(1)
        self.square[instance] += (apart**2).sum(1)

    def moved(self, instance: int, move: float) -> None:
        """The published version's last score less its first."""
        self.moves[instance] = move

    def judge(self, controls: Controls, first: NDArray[np.float32]) -> None:
        """Check for drift, and for models that give all versions of an image one answer.

        `first` are the published versions' first scores, [instances].
        """
        read = np.flatnonzero(~np.isnan(self.moves))
        if len(read) == 0:
            return
        count, total, square = self.count[read], self.total[read], self.square[read]
        within = (square - total**2 / count).sum() / max(1.0, (count - 1).sum())
        controls.settle(self.moves[read], float(np.sqrt(max(0.0, within))))
        controls.look(first[read], self.tied[read])
