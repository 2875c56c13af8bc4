"""Audits of a model before and after it was asked to forget, group by group."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from taggant.auditing.instance import rate_row
from taggant.auditing.readings import Readings
from taggant.stats import Decisions

Groups = Mapping[str, NDArray[np.bool_]]


def groups(used: NDArray[np.bool_], forgotten: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Which instances [I] are to be forgotten, which are kept, and which were never trained on.

    A group without instances is left out.
    """
    every = {"forgotten": forgotten, "retained": used & ~forgotten, "unused": ~used}
    return {name: mask for name, mask in every.items() if mask.any()}


def group_rates(
    decisions: Decisions, members: Groups, suffix: str = "", fault: str | None = None
) -> dict[str, object]:
    """Claims of each group, as a share of it, with exact 95 % intervals.

    Of a two-sided test, both claims count, and the share claimed "over-forgotten" is told apart.
    No claim is *not* evidence of erasure: read the interval's upper end. An
    audit with a fault has no rates.
    """
    row: dict[str, object] = {}
    for name, mask in members.items():
        row[name] = int(mask.sum())
        row |= rate_row(f"{name}_rate{suffix}", decisions.claim[mask], fault)
        if "two_sided" in suffix:
            row |= rate_row(f"{name}_over_rate{suffix}", decisions.side[mask] < 0, fault)
    return row


def share_exceeding(readings: Readings) -> NDArray[np.float64]:
    """Share of the hidden versions read that beat the published one, [I].

    For pictures: a reading that a test has ended stops at a low or a high share, so it is biased.
    """
    real = np.arange(readings.bits.shape[1]) < readings.reads[:, None]
    share: NDArray[np.float64] = (readings.bits & real).sum(1) / np.maximum(readings.reads, 1)
    return share


def auc(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> tuple[float, float]:
    """Area under the ROC curve of a score, and its standard error (Hanley & McNeil, 1982).

    That is how membership inference is commonly judged. It bounds no error rate, compares
    different images with each other, and is no test of whether one of them was used.

    Parameters
    ----------
    positive, negative : float arrays
        Scores of members and of non-members; ties count half.
    """
    m, k = len(positive), len(negative)
    ranks = rankdata(np.concatenate([positive, negative]))
    area = float((ranks[:m].sum() - m * (m + 1) / 2) / (m * k))
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (m - 1) * (one - area**2) + (k - 1) * (two - area**2)
    return area, math.sqrt(max(spread, 0.0) / (m * k))


def auc_row(
    name: str, positive: NDArray[np.floating], negative: NDArray[np.floating]
) -> dict[str, object]:
    """The area and its approximate 95 % interval, as metrics."""
    area, error = auc(positive, negative)
    half = float(norm.ppf(0.975)) * error
    return {name: area, f"{name}_ci": [max(0.0, area - half), min(1.0, area + half)]}
