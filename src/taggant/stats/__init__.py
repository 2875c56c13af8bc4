"""Sequential rank tests whose every error rate is an exact number (numpy and scipy only)."""

from taggant.stats.alternatives import NULL, Alternative, Beta, Fixed, Histogram
from taggant.stats.boundary import Boundary
from taggant.stats.controlled import combined, control_p_values
from taggant.stats.controlled_sets import control_set, control_sets, permutation_p
from taggant.stats.evidence import anytime, anytime_p_values, e_process, log_e_value
from taggant.stats.intervals import Interval, clopper_pearson
from taggant.stats.mirrored import two_sided
from taggant.stats.multiple import (
    Rejections,
    benjamini_hochberg,
    e_bh,
    fisher,
    holm,
    stouffer,
    used_at_least,
)
from taggant.stats.radioactive import RadioactiveEvidence, log_cosine_p, radioactive_p
from taggant.stats.ranks import SetRank, exceedances, randomised_p_values, rank_of_set, rank_sum
from taggant.stats.replay import Decisions
from taggant.stats.sequential import besag_clifford, pprm, rank
from taggant.stats.stopping import optimal
from taggant.stats.twins import twins_betting, twins_binomial, twins_log_e, twins_pprm, wins_needed

__all__ = [
    "NULL",
    "Alternative",
    "Beta",
    "Boundary",
    "Decisions",
    "Fixed",
    "Histogram",
    "Interval",
    "RadioactiveEvidence",
    "Rejections",
    "SetRank",
    "anytime",
    "anytime_p_values",
    "benjamini_hochberg",
    "besag_clifford",
    "clopper_pearson",
    "combined",
    "control_p_values",
    "control_set",
    "control_sets",
    "e_bh",
    "e_process",
    "exceedances",
    "fisher",
    "holm",
    "log_cosine_p",
    "log_e_value",
    "optimal",
    "permutation_p",
    "pprm",
    "radioactive_p",
    "randomised_p_values",
    "rank",
    "rank_of_set",
    "rank_sum",
    "stouffer",
    "twins_betting",
    "twins_binomial",
    "twins_log_e",
    "twins_pprm",
    "two_sided",
    "used_at_least",
    "wins_needed",
]
