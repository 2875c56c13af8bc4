"""What a sweeper that draws its jobs is told, and what it may ask for."""

from __future__ import annotations

import math

import pytest
from omegaconf import OmegaConf

from taggant.pipeline import sweep

PARTS = {
    "audit": {"_target_": "taggant.audit.instance.InstanceAudit"},
    "victim": {"_target_": "taggant.victim.classifier.Classifier"},
    "unlearning": {"_target_": "taggant.unlearning.none.NoUnlearning"},
}


def asking(name, **parts):
    return OmegaConf.create({"objective": name, **PARTS, **parts})


def test_a_misspelt_objective_is_refused_with_the_nearest():
    sweep.check_objective(asking("detection_rate"))
    with pytest.raises(
        ValueError, match=r"objective = utilty \(did you mean utility\?\): accepted"
    ):
        sweep.check_objective(asking("utilty"))
    with pytest.raises(ValueError, match=r"objective = null: accepted are .*detection_rate"):
        sweep.check_objective(asking(None))


def test_somebodys_own_parts_may_have_metrics_of_their_own():
    sweep.check_objective(asking("gain", victim={"_target_": "mine.Victim"}))


@pytest.mark.parametrize("value", [None, "ok", math.nan, [0.1, 0.2]])
def test_what_is_no_number_ends_the_sweep_and_lists_those_that_are(monkeypatch, value):
    monkeypatch.setattr(sweep, "all_given", lambda _: False)
    monkeypatch.setattr(sweep.HydraConfig, "get", lambda: None)
    metrics = {"status": value, "utility": 0.5, "claim": True}
    assert sweep.objective(asking("utility"), metrics) == 0.5
    with pytest.raises(ValueError, match=r"objective = status: .* numbers are .*utility, claim"):
        sweep.objective(asking("status"), metrics)
    assert sweep.objective(asking("status"), {}) is None  # a failed job has said why
    monkeypatch.setattr(sweep, "all_given", lambda _: True)
    assert sweep.objective(asking("status"), metrics) is None
