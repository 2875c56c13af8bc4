"""Comparing scores, and dropping claims that rest on doubtful comparisons.

Keys make the size exact whatever ties, so of a model that gives all versions one answer a share of
p is claimed, by luck alone. And a model that changes while it answers may do so between the answer
to the published version and those to the hidden ones. The rule against both: a comparison is
doubtful if the hidden version's score lies between the published version's own answers, the first
one and those asked again later, ends included. A claim stands if the same test makes it however
the doubtful comparisons fall. That is fixed beforehand, the same for all, and can only take claims
away and raise p-values, so every bound holds with it as without (docs/guarantees.md, section 8).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from taggant.stats import Boundary, Decisions

Bits = NDArray[np.bool_]
Scores = NDArray[np.floating]


def exceeding(
    theirs: Scores,
    keys: NDArray[np.uint64],
    own: Scores,
    own_keys: NDArray[np.uint64],
    grid: float,
) -> Bits:
    """Whether hidden versions exceed: lexicographically in (score on the grid, tie key)."""
    larger, tied = compared(theirs, own, grid)
    exceeds: Bits = larger | (tied & (keys > own_keys))
    return exceeds


def compared(theirs: Scores, own: Scores, grid: float) -> tuple[Bits, Bits]:
    """Whether hidden versions' scores on the grid are larger than the published one's, or equal."""
    theirs, own = snap(theirs, grid), snap(own, grid)
    return theirs > own, theirs == own


def in_doubt(theirs: Scores, least: Scores, largest: Scores, grid: float) -> Bits:
    """Whether hidden versions' scores lie between the published version's answers."""
    theirs = snap(theirs, grid)
    doubtful: Bits = (theirs >= snap(least, grid)) & (theirs <= snap(largest, grid))
    return doubtful


def snap(scores: Scores, grid: float) -> NDArray[np.float64]:
    """Scores on the grid; as they are for grid 0."""
    wide = scores.astype(np.float64)
    return wide if grid == 0 else np.round(wide / grid)


def paths(bits: Bits, doubtful: Bits, test: Boundary) -> list[Bits]:
    """What a test is run on: the comparisons as they are, and with doubtful ones at their extremes.

    With all doubtful comparisons as exceedances and, for a two-sided test, with none. What a test
    claims on all of these it claims however the doubtful comparisons fall.
    """
    other_side = [] if test.claim_high is None else [bits & ~doubtful]
    return [bits, bits | doubtful, *other_side]


def firm(
    test: Boundary, bits: Bits, doubtful: Bits, reads: NDArray[np.int64]
) -> tuple[Decisions, Decisions]:
    """Decisions of a test, and those of them that no doubtful comparison could change.

    Parameters
    ----------
    test : Boundary
    bits : bool array [I, D]
        Exceedances in reading order, ties decided by keys.
    doubtful : bool array [I, D]
        See the head of this module.
    reads : int array [I]
        Hidden versions read of each instance: columns that are real.

    Returns
    -------
    (Decisions, Decisions)
        As they are: the exact test. And the firm ones: the claims that all `paths` make, each with
        the largest of their p-values; what was read until all of them had stopped.

    Raises
    ------
    ValueError
        If an instance is undecided after its reads.
    """
    runs = [test.run(path, reads) for path in paths(bits, doubtful, test)]
    asis = runs[0]
    side = np.where(np.all([run.side == asis.side for run in runs], axis=0), asis.side, 0)
    p_value = np.max([run.p_value for run in runs], axis=0)
    torn = (side == 0) & np.all([run.claim for run in runs], axis=0)  # some low, some high
    read = np.max([run.read for run in runs], axis=0)
    exceedances = (bits & (np.arange(bits.shape[1]) < read[:, None])).sum(1)
    return asis, replace(
        asis,
        claim=side != 0,
        side=side,
        read=read,
        exceedances=exceedances,
        p_value=np.where(torn, 1.0, p_value),
    )
