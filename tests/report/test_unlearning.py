from __future__ import annotations

import numpy as np

from taggant.audit import unlearning
from taggant.audit.engine import Readings
from taggant.report.html import KNOWN_METRICS
from taggant.report.unlearning import METRICS
from taggant.stats import rank, two_sided


def test_every_metric_of_the_audit_has_a_label():
    bits = np.zeros((3, 19), bool)
    readings = Readings(bits, np.full(3, 19), 20, 0.0, 0)
    members = unlearning.groups(np.array([True, True, False]), np.array([True, False, False]))
    found = unlearning.auc_row("auc", np.ones(2), np.zeros(2))
    for suffix in ("_before", ""):
        one, both = rank(20, 0.1), two_sided(rank, 20, 0.1)
        found |= unlearning.group_rates(unlearning.replay(one, readings), members, suffix)
        told = unlearning.replay(both, readings)
        found |= unlearning.group_rates(told, members, f"_two_sided{suffix}")
    named = {name for name in found if not name.endswith("_ci")}
    assert named <= set(KNOWN_METRICS)
    assert {"forgotten_rate_before", "unused_over_rate_two_sided", "auc"} <= named & set(METRICS)
