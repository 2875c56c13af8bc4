from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from taggant.auditing.readings import Readings
from taggant.pipeline.stages.audit_controlled import AuditControlled


def test_comparisons_in_doubt_count_against_a_claim_as_in_audits_image_by_image():
    bits = np.array([[False, True, False], [False, False, False]])
    doubtful = np.array([[True, True, False], [False, False, False]])
    readings = Readings(bits, doubtful, np.array([3, 3]), n=4, grid=0.0, queries=8)
    stage = SimpleNamespace(
        asked=SimpleNamespace(combine=True),
        scores=SimpleNamespace(final=None, readings=lambda _: readings),
    )
    assert AuditControlled._totals(stage).tolist() == [2, 0]
