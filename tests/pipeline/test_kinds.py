from __future__ import annotations

import pytest
from tests.pipeline.test_identity import composed

from taggant.groups import options_of
from taggant.pipeline.context import RunContext
from taggant.pipeline.kinds import RUNS, run_from_context


@pytest.mark.parametrize("audit", options_of("audit"))
def test_every_audit_has_a_kind_of_run(tmp_path, audit):
    run = run_from_context(RunContext.from_config(composed(tmp_path, f"audit={audit}")))
    assert type(run) in RUNS.values()


def test_a_run_of_no_kind_is_refused_by_its_key(tmp_path):
    cfg = composed(tmp_path, "audit._target_=taggant.stats.Boundary")
    said = "audit._target_ = taggant.stats.Boundary: .* accepted are instance, controlled, whole_s"
    with pytest.raises(ValueError, match=said):
        run_from_context(RunContext.from_config(cfg))
