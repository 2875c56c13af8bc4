"""Sweeps: shared stages once, replays instead of readings, failures listed and retried."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.forks import ROOT, TINY, calls, warmed
from tests.test_run import environment

from taggant.auditing.readings import Readings
from taggant.report.runs import main, over_seeds, table, where

ABLATION = (
    "-m",
    *TINY,
    "score=margin,hinge,entropy",
    "audit.p=0.05,0.1",
    "audit/test=optimal,besag_clifford",
)
SQUARE = ("score=margin,hinge", "audit.p=0.1,0.2")
MODELS = 3  # two snapshots, and the last one again in full


def output(root: Path) -> str:
    return (root / "output.txt").read_text()


def jobs(root: Path) -> list[Path]:
    """Job folders of the newest sweep."""
    sweep = max((root / "runs" / "smoke").iterdir())
    return sorted(path for path in sweep.glob("[!.]*") if path.is_dir())


@pytest.fixture(scope="module")
def ablation(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("ablation")
    assert warmed().run(root, *ABLATION) == 0, output(root)
    return root


def test_an_ablation_of_12_runs_trains_once_and_scores_each_score_once(ablation):
    assert len(jobs(ablation)) == 12
    assert calls(ablation).count("train") == 1
    assert calls(ablation).count("read") == 3 * MODELS
    assert f"12 of 12 jobs finished. Results: {jobs(ablation)[0].parent}" in output(ablation)


def test_every_run_of_it_has_its_detection_curve(ablation):
    for job in jobs(ablation):
        curve = pl.read_csv(job / "curves.csv")
        p = json.loads((job / "result.json").read_text())["metrics"]["p"]
        assert set(curve.filter(p=p)["epoch"]) == {2, 3}


def test_the_second_time_nothing_is_computed(ablation):
    before = calls(ablation)
    assert warmed().run(ablation, *ABLATION) == 0
    assert calls(ablation) == before
    records = [json.loads((job / "result.json").read_text()) for job in jobs(ablation)]
    assert all(stage["cached"] for record in records for stage in record["stages"].values())


def test_a_stopped_reading_is_extended_by_a_test_that_needs_more(tmp_path):
    stopped = (*TINY, "audit.read=until_decided")
    assert warmed().run(tmp_path, *stopped, "audit.p=0.3", "audit.curve=[]") == 0
    assert calls(tmp_path) == ["train"] + ["read"] * 2  # the last snapshot is the final model
    assert warmed().run(tmp_path, *stopped, "audit.p=0.1", "audit.curve=[]") == 0
    assert calls(tmp_path)[3:] == ["read"] * 2
    assert warmed().run(tmp_path, *stopped, "audit.p=0.3", "audit.curve=[0.1]") == 0
    assert len(calls(tmp_path)) == 5


def test_an_audit_by_fewer_versions_and_no_curve_reads_as_many_and_goes_on_to_all(tmp_path):
    fewer = (*TINY, "audit.versions=10", "audit.curve=null")
    assert warmed().run(tmp_path, *fewer) == 0
    results = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/*/result.json")]
    metrics = results[0]["metrics"]
    assert (metrics["versions"], metrics["size"]) == (10, pytest.approx(0.1))
    (table,) = (pl.read_parquet(path) for path in tmp_path.glob("runs/*/*/instances.parquet"))
    assert table["exceedances"].is_between(0, 9).all()
    assert calls(tmp_path) == ["train"] + ["read"] * 2  # until the tests stop, then all ten
    assert warmed().run(tmp_path, *fewer, "audit/test=rank") == 0
    assert len(calls(tmp_path)) == 3  # the last snapshot is the final model, which was read
    assert warmed().run(tmp_path, *fewer, "audit.versions=20") == 0
    assert calls(tmp_path)[3:] == ["read"] * 2


def test_its_plan_shows_shared_stages_once_and_starts_nothing(ablation):
    seen, runs, before = len(output(ablation)), len(jobs(ablation)), calls(ablation)
    assert warmed().run(ablation, *ABLATION, "unlearning=none", "plan=true") == 0
    plan = output(ablation)[seen:]
    assert plan.count("│ train ") == 1
    assert plan.count("│ score ") == 3
    assert "12 runs, 0 of 37 stages to run" in plan
    assert (len(jobs(ablation)), calls(ablation)) == (runs, before)


def test_a_plan_of_a_new_sweep_runs_nothing(tmp_path):
    assert warmed().run(tmp_path, "-m", *TINY, *SQUARE, "plan=true") == 0
    assert "4 runs, 18 of 18 stages to run" in output(tmp_path)
    assert not calls(tmp_path)
    assert not (tmp_path / "runs").exists()


def test_failures_are_all_listed_set_the_exit_code_and_are_tried_again(tmp_path):
    sweep = ("-m", *TINY, "victim.lr=-1,0.01", "audit.p=7,0.1")
    for _ in range(2):
        seen = len(output(tmp_path)) if (tmp_path / "output.txt").exists() else 0
        assert warmed().run(tmp_path, *sweep) == 1
        said = output(tmp_path)[seen:]
        assert "1 of 4 jobs finished" in said
        ending = said.partition("3 failed; the same command tries them again")[2]
        assert "victim.lr = -1: a positive learning rate is needed" in ending
        assert "audit.p = 7: accepted are numbers between 0 and 1" in ending
        assert [(job / "error.txt").exists() for job in jobs(tmp_path)] == [True] * 3 + [False]
    assert calls(tmp_path) == ["train"] + ["read"] * MODELS


def test_every_job_counts_wherever_its_folder_lies(tmp_path):
    sweep = tmp_path / "of mine"
    asked = ["threads=1", "audit/test=pprm", "victim.lr=-1,-2", "name=smoke"]
    where = [f"hydra.sweep.dir='{sweep}'", "hydra.sweep.subdir='${hydra.job.override_dirname}'"]
    assert warmed().run(tmp_path, "-m", "+experiment=smoke", *asked, *where) == 1
    said = output(tmp_path)
    assert f"0 of 2 jobs finished. Results: {sweep}" in said
    assert "2 failed" in said
    names = "+experiment=smoke,audit/test=pprm,name=smoke,threads=1,victim.lr="
    for lr in (-1, -2):
        error = sweep / f"{names}{lr}" / "error.txt"
        assert f"victim.lr = {lr}" in error.read_text()
        assert f"(see {error})" in said


def test_two_jobs_of_one_folder_are_refused_before_either_runs(tmp_path):
    asked = ["victim.lr=0.1,0.2", "hydra.sweep.subdir='x/../${score.views}/.'"]
    assert warmed().run(tmp_path, "-m", *TINY, *asked) == 2
    said = output(tmp_path)
    assert said.startswith("error: hydra.sweep.subdir gives jobs 0 and 1 one folder, 1: accepted")
    assert "${hydra.job.num}" in said
    assert not (tmp_path / "runs").exists()


def test_a_folder_used_again_tells_of_the_last_sweep_only(tmp_path):
    sweep = ("-m", *TINY, f"hydra.sweep.dir={tmp_path / 'sweep'}", "audit.live=false")
    short = ("victim.epochs=1", "victim.snapshots=[1]")
    first, second = tmp_path / "sweep" / "0", tmp_path / "sweep" / "1"
    assert warmed().run(tmp_path, *sweep, *short, "data.train=60,999999,888888") == 1
    assert "1 of 3 jobs finished" in output(tmp_path)
    assert (first / "result.json").exists()
    assert (second / "error.txt").exists()
    assert warmed().run(tmp_path, *sweep, *short, "data.train=999999,60") == 1
    assert "1 of 2 jobs finished" in output(tmp_path)
    assert (first / "error.txt").exists()
    assert not (first / "result.json").exists()
    assert (second / "result.json").exists()
    assert not (second / "error.txt").exists()


def test_a_signal_ends_a_sweep_in_a_line(tmp_path):
    jobs = ("victim.lr=-1,0.01", "audit.live=false")
    stop = {"at": 4, "of": "/.resume.ckpt", "signal": signal.SIGTERM}
    assert warmed().run(tmp_path, "-m", *TINY, *jobs, **stop) == 143
    said = output(tmp_path).splitlines()
    assert said[0].startswith("job 0 failed: victim.lr = -1")
    assert said[1:] == ["stopped; the same command goes on from epoch 2"]


def test_a_sweep_has_one_device_a_job(tmp_path):
    assert warmed().run(tmp_path, "-m", *TINY, "trainer.devices=2", "seed=0,1") == 1
    assert "trainer asks for 2 devices inside a sweep: accepted is trainer.devices=1" in output(
        tmp_path
    )


def test_shards_put_together_equal_the_whole(tmp_path):
    whole, sharded = tmp_path / "whole", tmp_path / "sharded"
    assert warmed().run(whole, *TINY) == 0
    (sharded / "secrets").mkdir(parents=True)
    (sharded / "secrets" / "owner.key").write_bytes((whole / "secrets" / "owner.key").read_bytes())
    (sharded / "secrets" / "owner.key").chmod(0o600)
    assert warmed().run(sharded, "-m", *TINY, "audit.shard=1/3,2/3,3/3") == 0, output(sharded)
    assert calls(sharded).count("read") == 3 * MODELS
    assert warmed().run(sharded, *TINY) == 0, output(sharded)
    assert calls(sharded).count("train") == 1
    assert calls(sharded).count("read") == 3 * MODELS
    for path in whole.glob("store/score/*/*"):
        _check_bits(Readings.load(path), Readings.load(sharded / path.relative_to(whole)))
    for path in whole.glob("store/audit/*/*"):
        if path.name != "manifest.json":
            assert _but_controls(sharded / path.relative_to(whole)) == _but_controls(path)


def _check_bits(one, other):
    """What fills a batch is read ahead, each shard in its own batches; what both read is equal."""
    assert (one.n, one.grid, one.fault) == (other.n, other.grid, other.fault)
    both = np.minimum(one.reads, other.reads)
    assert both.min() > 0
    for bits, others in ((one.bits, other.bits), (one.doubtful, other.doubtful)):
        for row, others_row, read in zip(bits, others, both, strict=True):
            assert (row[:read] == others_row[:read]).all()


def _but_controls(path):
    """What a file says, but for how much was asked: each shard asks controls of its own."""
    if path.suffix != ".json":
        return path.read_bytes()
    controls = {"controls", "control_queries", "queries"}
    return {
        name: value for name, value in json.loads(path.read_text()).items() if name not in controls
    }


def test_the_printed_table_shows_rates_and_what_differs(ablation, capsys):
    assert main([str(ablation / "runs")]) == 0
    header = capsys.readouterr().out.partition("╞")[0]
    assert "detection_rate" in header
    assert "audit.p" in header
    assert "victim.lr" not in header
    assert "folder" not in header


def test_results_are_a_tidy_table(ablation):
    frame = table(ablation / "runs")
    assert frame.height == 12
    assert set(frame["audit.p"]) == {0.05, 0.1}
    columns = {"victim.lr", "detection_rate_low", "seconds.train", "mean_queries_used", "seed"}
    assert columns <= set(frame.columns)
    assert where(frame, ["audit.p=0.10"]).height == 6
    pooled = over_seeds(frame, ["audit.p"], ["detection_rate"])
    assert pooled["runs"].to_list() == [6] * 2
    assert set(pooled["seeds"]) == {1}
    with pytest.raises(ValueError, match=r"no column \['audit.q'\]; there are: .*audit.p"):
        where(frame, ["audit.q=1"])


def launched(root: Path, *overrides: str) -> str:
    """Run a sweep by the real command line with a launcher of other processes."""
    done = subprocess.run(
        [sys.executable, "run.py", "-m", *TINY, *overrides],
        cwd=ROOT,
        env=environment(root),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def times_computed(root: Path) -> dict[str, int]:
    """In how many runs each stage was computed, not taken from the store."""
    results = [json.loads(path.read_text()) for path in root.glob("runs/smoke/*/*/result.json")]
    names = results[0]["stages"]
    return {name: sum(not r["stages"][name]["cached"] for r in results) for name in names}


@pytest.mark.slow
def test_joblib_computes_shared_stages_once(tmp_path):
    two = ("score=margin,hinge", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert "2 of 2 jobs finished" in launched(tmp_path, *two)
    once = dict.fromkeys(("data", "mark", "train", "unlearn"), 1)
    assert times_computed(tmp_path).items() >= once.items()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "ray"])
def test_launchers_compute_shared_stages_once(tmp_path, launcher):
    assert "4 of 4 jobs finished" in launched(tmp_path, *SQUARE, f"hydra/launcher={launcher}")
    assert times_computed(tmp_path) == {
        **dict.fromkeys(("data", "mark", "train", "unlearn"), 1),
        **dict.fromkeys(("score/epoch-2", "score/epoch-3", "score"), 2),
        "audit": 4,
    }


OPTUNA = (
    "hydra/sweeper=optuna",
    "hydra.sweeper.direction=maximize",
    "hydra.sweeper.n_trials=4",
    "hydra.sweeper.n_jobs=1",
)


@pytest.mark.slow
def test_optuna_chooses_and_shares(tmp_path):
    assert warmed().run(tmp_path, "-m", *TINY, *OPTUNA, "score.views=choice(1,2)") == 0
    assert "4 of 4 jobs finished" in output(tmp_path)
    assert len(list(tmp_path.glob("store/train/*/manifest.json"))) == 1


@pytest.mark.slow
def test_optuna_with_a_misspelt_objective_runs_nothing(tmp_path):
    asked = ("score.views=choice(1,2)", "objective=detectionrate")
    assert warmed().run(tmp_path, "-m", *TINY, *OPTUNA, *asked) == 2
    assert output(tmp_path).startswith("error: objective = detectionrate (did you mean detection_r")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_optuna_of_which_all_trials_fail_lists_them(tmp_path):
    assert warmed().run(tmp_path, "-m", *TINY, *OPTUNA, "victim.lr=interval(-2,-1)") == 2
    said = output(tmp_path)
    assert "0 of 4 jobs finished" in said
    assert said.partition("4 failed")[2].count("a positive learning rate is needed") == 4


@pytest.mark.slow
def test_a_job_that_slurm_requeues_goes_on_from_its_last_epoch(tmp_path):
    long = ("victim.epochs=200", "audit.live=false", "hydra/launcher=submitit_local")
    command = [sys.executable, "run.py", "-m", *TINY, *long]
    sweep = subprocess.Popen(command, cwd=ROOT, env=environment(tmp_path))
    while not (saved := list(tmp_path.glob("store/train/.*/resume.ckpt"))):
        assert sweep.poll() is None
        time.sleep(0.1)
    folder = next(tmp_path.glob("runs/smoke/*/.submitit/[0-9]*"))
    pid = next(
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if b"submitit.core._submit" in (command := path.read_bytes())
        and str(tmp_path).encode() in command
    )
    os.kill(pid, signal.SIGUSR2)  # as Slurm preempts
    assert sweep.wait() == 0
    assert "Requeued" in "".join(path.read_text() for path in folder.glob("*.out"))
    rows = json.loads(next(tmp_path.glob("store/train/*/history.json")).read_text())
    assert [row["epoch"] for row in rows] == list(range(1, 201))
    assert saved


@pytest.mark.slow
def test_two_processes_train_one_victim_on_the_same_batches(tmp_path):
    both = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true")
    losses = {}
    for devices in (1, 2):
        run = [sys.executable, "run.py", *TINY, *both, f"trainer.devices={devices}"]
        done = subprocess.run(run, cwd=ROOT, env=environment(tmp_path), check=False)
        assert done.returncode == 0
    for path in tmp_path.glob("store/train/*/manifest.json"):
        world = json.loads(path.read_text())["identity"]["world"]
        rows = json.loads(path.with_name("history.json").read_text())
        losses[world] = [row["train_loss"] for row in rows]
    # Batch statistics are each process's own, so the losses are alike, not equal.
    assert losses[2] == pytest.approx(losses[1], rel=0.05)
