"""The stage: what is forgotten, what it depends on, and audits on either side of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file
from tests.forks import TINY, calls, warmed

from taggant.pipeline.stages.unlearn import collapsed, forget_count
from taggant.stats import rank_sum

SWEEP = (
    "-m",
    *TINY,
    "victim.snapshots=1",
    "audit.live=false",
    "audit.read=until_decided",
    "marking.secret=simulated",
    "unlearning.forget=6",
)


def metrics(root: Path) -> dict[str, dict]:
    """Metrics of each job, by its last override."""
    found = {}
    for path in root.glob("runs/smoke/*/*/result.json"):
        config = json.loads(path.with_name("config.json").read_text())["unlearning"]
        name = config["_target_"].split(".")[-2]
        found[f"{name} {config['strength']:g}"] = json.loads(path.read_text())["metrics"]
    return found


@pytest.mark.parametrize(
    ("forget", "count"), [(0, 0), (0.5, 150), (200, 200), (300, 300), (0.001, 0)]
)
def test_forget_is_a_fraction_or_a_count(forget, count):
    assert forget_count(forget, 300) == count


@pytest.mark.parametrize("forget", [-1, -0.5, 1.5, 301])
def test_other_values_are_refused(forget):
    with pytest.raises(ValueError, match="accepted are a fraction below 1 and counts up to 300"):
        forget_count(forget, 300)


def test_a_victim_that_has_lost_half_of_its_utility_or_all_sense_has_collapsed():
    after = {0.5: False, 0.49: True, 0.0: True, math.nan: True}
    for utility, due in after.items():
        assert collapsed({"utility": 1.0}, {"utility": utility}) == due
    assert not collapsed({"utility": 0.0}, {"utility": 0.0})


def test_a_method_needs_something_to_forget(tmp_path):
    assert warmed().run(tmp_path, *TINY, "unlearning=finetune", "unlearning.forget=0") != 0
    assert "there is nothing to forget" in (tmp_path / "output.txt").read_text()


def test_a_sweep_trains_once_resumes_and_survives_a_method_that_diverges(tmp_path):
    methods = "unlearning=gradient_ascent,none"
    assert warmed().run(tmp_path, *SWEEP, methods, "unlearning.strength=1e12") == 0
    assert calls(tmp_path) == ["train"] + ["read"] * 2  # before, and ascent: none is as before
    assert warmed().run(tmp_path, *SWEEP, methods, "unlearning.strength=1,1e12") == 0
    assert calls(tmp_path) == ["train"] + ["read"] * 3  # only ascent at 1 is new
    found = metrics(tmp_path)
    assert found["none 1"] == found["none 1e+12"]
    none, broken = found["none 1"], found["gradient_ascent 1e+12"]
    assert none["status"] == found["gradient_ascent 1"]["status"] == "ok"
    assert broken["status"] == "diverged"
    assert 0 <= broken["forgotten_rate"] <= broken["forgotten_rate_ci"][1]
    for name in ("forgotten", "retained", "unused"):
        assert none[f"{name}_rate"] == none[f"{name}_rate_before"] == broken[f"{name}_rate_before"]
        assert none[f"{name}_rate_two_sided"] == none[f"{name}_rate_two_sided_before"]
    assert (none["forgotten"], none["retained"], none["unused"]) == (6, 6, 12)
    assert none["auc"] == none["auc_before"]
    assert none["utility_drop"] == none["gradient_steps"] == 0
    assert none["utility"] == none["utility_before"] != none["utility_baseline"]
    assert found["gradient_ascent 1"]["gradient_steps"] == 5
    trained, kept = (
        load_file(next(iter(tmp_path.glob(f"store/{stage}/{digest}/final.safetensors"))))
        for stage, digest in (("train", "*"), ("unlearn", _digest(tmp_path, "none")))
    )
    assert all(np.array_equal(trained[name], kept[name]) for name in trained)


def _digest(root: Path, name: str) -> str:
    for path in root.glob("store/unlearn/*/manifest.json"):
        record = json.loads(path.read_text())
        if f".{name}." in record["identity"]["config"]["_target_"]:
            return record["digest"]
    raise AssertionError(name)


def test_retraining_makes_ranks_of_forgotten_instances_uniform(tmp_path):
    memorise = (
        "data.train=230",
        "data.labels=subcategory",
        "victim.width=4",
        "victim.epochs=12",
        "victim.batch_size=10",
        "victim.lr=0.02",
        "marking.used=100",
        "marking.unused=20",
        "marking.n=10",
        "marking.scheme.epsilon=20",
        "unlearning.forget=80",
        "audit.p=0.2",
        "audit.curve=[]",
        "audit.read=all",
        "unlearning=none,retrain",
    )
    assert warmed().run(tmp_path, *SWEEP, *memorise) == 0, (tmp_path / "output.txt").read_text()
    log_p = {}
    for path in tmp_path.glob("runs/smoke/*/*/instances.parquet"):
        forgotten = pl.read_parquet(path).filter(part="forgotten")
        config = json.loads(path.with_name("config.json").read_text())["unlearning"]
        ranks = forgotten["exceedances"].to_numpy()
        log_p[config["_target_"].split(".")[-2]] = rank_sum(ranks, 10)
    assert log_p["none"] < math.log(1e-3)
    assert math.log(1e-3) < log_p["retrain"] < math.log(0.999)
