"""Sequential rank tests whose every error rate is an exact number (numpy and scipy only)."""

from taggant.stats.alternatives import NULL, Alternative, Beta, Fixed, Histogram
from taggant.stats.boundary import Boundary, Decisions
from taggant.stats.intervals import Interval, clopper_pearson
from taggant.stats.sequential import besag_clifford, pprm, rank, two_sided
from taggant.stats.stopping import optimal

__all__ = [
    "NULL",
    "Alternative",
    "Beta",
    "Boundary",
    "Decisions",
    "Fixed",
    "Histogram",
    "Interval",
    "besag_clifford",
    "clopper_pearson",
    "optimal",
    "pprm",
    "rank",
    "two_sided",
]
