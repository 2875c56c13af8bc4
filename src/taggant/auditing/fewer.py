"""Audits by fewer versions than were marked.

The published version and the first m - 1 hidden ones of the reading order are m versions drawn
without a thought of which is published: among them the published index is as uniform as among
all n, so a test of m versions has its size there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from taggant.auditing.readings import Readings
from taggant.stats import Boundary


def within(test: Boundary, n: int) -> Boundary:
    """The same test, for a reading that could go on to n versions; it ends at its own last row.

    Parameters
    ----------
    test : Boundary
        Of at most n versions.
    n : int
        Versions that were marked.
    """
    beyond = n - test.n
    high = test.claim_high
    return replace(
        test,
        claim=np.append(test.claim, [-1] * beyond),
        stop=np.append(test.stop, [0] * beyond),
        claim_high=None if high is None else np.append(high, [n] * beyond),
    )


def whole(n: int) -> Boundary:
    """No test of anything, but one that reads all of n versions."""
    stop = np.append(np.full(n - 1, n), 0)
    return Boundary(claim=np.full(n, -1), stop=stop)


def first(readings: Readings, versions: int) -> Readings:
    """What a reading says of the published version and the first hidden ones.

    Parameters
    ----------
    readings : Readings
    versions : int
        How many, the published one included; at most the reading's n.
    """
    width = versions - 1
    return replace(
        readings,
        bits=readings.bits[:, :width],
        doubtful=readings.doubtful[:, :width],
        reads=np.minimum(readings.reads, width),
        n=versions,
    )
