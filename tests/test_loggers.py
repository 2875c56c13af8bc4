"""Each run has a log of its own, with what it was made of and what came of it."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.forks import TINY, calls, warmed
from tests.wandb_files import run

from taggant.report.flat import flat_metrics

ALL = ("logger=[wandb,tensorboard,csv]", "audit.live=false")


def log_of(folder: Path) -> dict:
    """The one W&B log in a run's folder; a process of W&B's own writes it, so it may end later."""
    (path,) = folder.glob("wandb/offline-*/*.wandb")
    until = time.monotonic() + 30
    while (found := run(path))["exit"] is None and time.monotonic() < until:
        time.sleep(0.05)
    return found


def numbers(folder: Path) -> dict[str, float]:
    """The final metrics."""
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    return {k: v for k, v in flat_metrics(metrics) if isinstance(v, (int, float))}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A sweep of which the first job diverges, and the second one's run again by itself."""
    root = tmp_path_factory.mktemp("logged")
    both = ("victim.lr=1e30,0.01", "hydra.sweep.dir=${paths.runs}/both")
    assert warmed().run(root, "-m", *TINY, *ALL, *both, report=True) == 1
    alone = ("victim.lr=0.01", "hydra.run.dir=${paths.runs}/alone")
    assert warmed().run(root, *TINY, *ALL, *alone, report=True) == 0
    assert calls(root).count("train") == 2
    return root


def test_each_job_has_its_own_log_with_its_config_and_the_sweeps_group(root):
    diverged, good = (log_of(root / "runs" / "both" / job) for job in "01")
    assert diverged["id"] != good["id"]
    assert {diverged["group"], good["group"]} == {"smoke/both"}
    assert (diverged["exit"], good["exit"]) == (1, 0)
    assert (diverged["config"]["victim.lr"], good["config"]["victim.lr"]) == (1e30, 0.01)
    said = {"seed": 0, "score": "margin", "audit.p": 0.1, "audit/test": "optimal", "name": "smoke"}
    assert said.items() <= good["config"].items()
    losses = [
        [row["train_loss"] for row in one["history"] if "train_loss" in row]
        for one in (diverged, good)
    ]
    assert [len(each) for each in losses] == [1, 3]
    assert "detection_rate" not in diverged["summary"]


def test_a_repetition_goes_on_with_the_log_though_nothing_is_trained(root):
    first, again = log_of(root / "runs" / "both" / "1"), log_of(root / "runs" / "alone")
    assert again["id"] == first["id"]
    assert again["config"].items() >= {"victim.lr": 0.01, "seed": 0}.items()
    assert (again["group"], again["exit"]) == ("", 0)
    for name, value in numbers(root / "runs" / "alone").items():
        assert again["summary"][name] == pytest.approx(value)


@pytest.mark.parametrize("folder", ["both/1", "alone"])
def test_final_metrics_and_figures_arrive_in_every_log(root, folder):
    folder = root / "runs" / folder
    wanted = numbers(folder)
    assert {"detection_rate", "detection_rate_low", "utility", "used", "psnr"} <= set(wanted)
    assert log_of(folder)["summary"].items() >= wanted.items()
    with (folder / "csv" / "metrics.csv").open() as stream:
        last = list(csv.DictReader(stream))[-1]
    assert {name: float(last[name]) for name in wanted} == pytest.approx(wanted)
    drawn = {f"figures/{path.stem}" for path in (folder / "figures").glob("*.png")}
    assert len(drawn) > 2
    keys = {key.rpartition(".")[0] for row in log_of(folder)["history"] for key in row}
    assert drawn <= keys
    board = [EventAccumulator(str(p)).Reload() for p in folder.glob("tensorboard/*/events*")]
    tags = {tag: one.Scalars(tag)[-1].value for one in board for tag in one.Tags()["scalars"]}
    assert {name: tags[name] for name in wanted} == pytest.approx(wanted, rel=1e-6)
    assert drawn <= {tag for one in board for tag in one.Tags()["images"]}
    assert any("_hparams_/session_start_info" in one.summary_metadata for one in board)
    steps = {e.step for b in board if "psnr" in b.Tags()["scalars"] for e in b.Scalars("psnr")}
    assert steps == {3}  # after the curves of training
