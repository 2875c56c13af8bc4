"""What a sweeper that draws its jobs is given, and what it may ask for."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from taggant.groups import CONF
from taggant.pipeline import sweep

PARTS = {
    "audit": {"_target_": "taggant.auditing.instance.InstanceAudit"},
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


@pytest.mark.parametrize(
    ("asked", "jobs"),
    [
        (
            ["score=margin,hinge", "seed=range(2)"],
            [
                "score=margin seed=0",
                "score=margin seed=1",
                "score=hinge seed=0",
                "score=hinge seed=1",
            ],
        ),
        (
            ["score=margin", "score=hinge,loss", "p='a,b'"],
            ["score=hinge p='a,b'", "score=loss p='a,b'"],
        ),
        (["+x=[a,b],[c]", "~logger"], ["+x=[a,b] ~logger=null", "+x=[c] ~logger=null"]),
        (["trainer=glob(c*)"], ["trainer=cpu"]),
    ],
)
def test_jobs_are_those_of_hydra_in_its_order(asked, jobs):
    """As Hydra 1.3's own sweeper splits them: the last key moves fastest, the last word counts."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(asked)
        assert [" ".join(job) for job in product(*sweep.choices(overrides))] == jobs
