"""Membership inference: scores of images, larger = more likely learned, and their thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
OFFLINE = 0.3
"""RMIA's coefficient a for photos: how far confidences without an image tell of those with it."""


@dataclass(frozen=True)
class Signals:
    """What models say of N images.

    Attributes
    ----------
    margin : float array [N]
        Logit of the label's confidence, by the audited model.
    entropy : float array [N]
        Minus the entropy of its confidences.
    outside : float array [N, R]
        Margins by reference models that did not learn the image.
    """

    margin: Floats
    entropy: Floats
    outside: Floats

    def of(self, rows: NDArray[np.bool_]) -> Signals:
        """Those of some images."""
        return Signals(self.margin[rows], self.entropy[rows], self.outside[rows])


Attack = Callable[[Signals, Signals], Floats]
"""Scores [N] of images, given those of images that are known to be no members."""


def loss(asked: Signals, _: Signals) -> Floats:
    """Minus the cross-entropy, by its rank: the margin."""
    return asked.margin


def entropy(asked: Signals, _: Signals) -> Floats:
    """Minus the entropy."""
    return asked.entropy


def rmia(asked: Signals, known: Signals) -> Floats:
    """Share of non-members whose likelihood ratio is smaller: RMIA, offline, gamma = 1.

    Source: Zarifzadeh et al., "Low-cost high-power membership inference attacks" (2024).
    """
    ours, theirs = np.sort(_ratio(known)), _ratio(asked)
    return np.asarray(np.searchsorted(ours, theirs) / len(ours))


def lira(asked: Signals, _: Signals) -> Floats:
    """Margin less its mean without the image, in standard deviations: LiRA, offline.

    One variance for all images, for want of reference models. Source: Carlini et al., "Membership
    inference attacks from first principles" (2022).
    """
    spread = float(np.sqrt(asked.outside.var(1, ddof=1).mean()))
    return np.asarray((asked.margin - asked.outside.mean(1)) / spread)


def _ratio(asked: Signals) -> Floats:
    outside = _confidence(asked.outside).mean(1)
    expected = ((1 + OFFLINE) * outside + (1 - OFFLINE)) / 2
    return np.asarray(_confidence(asked.margin) / expected)


def _confidence(margin: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-margin)))


ATTACKS: Mapping[str, Attack] = {"LOSS": loss, "entropy": entropy, "RMIA": rmia, "LiRA": lira}


def claimed(asked: Floats, known: Floats, level: float) -> float:
    """Share of scores above all but a share `level` of those of known non-members."""
    above = int(level * len(known))
    threshold = np.sort(known)[len(known) - 1 - above]
    return float((asked > threshold).mean())
