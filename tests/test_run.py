"""The command line as a user meets it, on the whole line at tiny size."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.conftest import ROOT
from tests.forks import warmed

from taggant.auditing.instance import firm_totals
from taggant.auditing.readings import Readings
from taggant.marking.ledger import Ledger
from taggant.owner.models.run_folder import victim_of
from taggant.stats import fisher, used_at_least

METRICS = {
    "p",
    "detection_rate",
    "detection_rate_ci",
    "used",
    "false_detection_rate",
    "false_detection_rate_ci",
    "unused",
    "mean_versions_read_used",
    "mean_versions_read_unused",
    "mean_queries_used",
    "mean_queries_unused",
    "utility",
    "train_loss",
    "psnr",
}


def environment(root: Path) -> dict[str, str]:
    # Without a GPU, like the runs forked from one process that are compared with it.
    alone = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return {**os.environ, "TAGGANT_ROOT": str(root), **alone}


def run(root: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "run.py", *overrides],
        cwd=ROOT,
        env=environment(root),
        capture_output=True,
        text=True,
        check=False,
    )


def latest(root: Path, name: str = "smoke") -> Path:
    return max((root / "runs" / name).iterdir())


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


@pytest.fixture(scope="module")
def smoke(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("smoke")
    done = run(root, "+experiment=smoke", "logger=tensorboard")
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout
    return root


def test_smoke_writes_everything_a_reader_needs(smoke):
    folder = latest(smoke)
    record = result(folder)
    assert record["schema"] == 1
    assert set(record["metrics"]) >= METRICS
    assert {"data", "mark", "train", "unlearn", "score", "audit"} <= set(record["stages"])
    instances = pl.read_parquet(folder / "instances.parquet")
    assert instances.height == record["metrics"]["used"] + record["metrics"]["unused"]
    rate = instances.filter(group="used")["claim"].mean()
    assert rate == pytest.approx(record["metrics"]["detection_rate"])
    assert set(pl.read_csv(folder / "curves.csv")["epoch"]) == {2, 4}
    assert (folder / "report.html").stat().st_size > 10_000
    assert any((folder / "tensorboard").rglob("events*"))


def test_a_run_speaks_of_all_published_images_together(smoke):
    folder = latest(smoke)
    metrics = result(folder)["metrics"]
    ledger = Ledger.load(next((smoke / "secrets" / "ledgers").iterdir()))
    table = pl.read_parquet(folder / "instances.parquet")
    spread = [ledger.draws(name).uniform("spread") for name in table["id"]]
    score = result(folder)["stages"]["score"]["digest"]
    # The key is a new one each time, and so may hold a doubtful comparison: it counts as exceeding.
    (read,) = (smoke / "store" / "score" / score).iterdir()
    totals = firm_totals(Readings.load(read))
    p = (totals + np.array(spread)) / 40
    assert 10 ** metrics["owner_log10_p"] == pytest.approx(np.exp(fisher(np.log(p))))
    assert metrics["used_at_least"] == used_at_least(p)
    sets = pl.read_csv(folder / "sets.csv")
    assert sets["size"].unique(maintain_order=True).to_list() == [5, 10, 25]
    assert sets["evidence"].unique().to_list() == ["versions"]
    assert "Sets of one owner" in (folder / "report.html").read_text()


def test_a_second_run_computes_nothing(smoke):
    first = result(latest(smoke))
    assert warmed().run(smoke, "+experiment=smoke", "progress=false", "hydra.job.chdir=true") == 0
    second = result(latest(smoke))
    printed = (smoke / "output.txt").read_text().partition("Results: ")[2].strip()
    assert ROOT / printed == latest(smoke) / "result.json"
    assert second["digest"] == first["digest"]
    assert all(stage["cached"] for stage in second["stages"].values())
    assert second["metrics"] == first["metrics"]


def test_no_secret_leaves_the_ledger(smoke):
    ledger = Ledger.load(next((smoke / "secrets" / "ledgers").iterdir()))
    owner = (smoke / "secrets" / "owner.key").read_text()
    published = ", ".join(map(str, ledger.published[:6]))
    needles = [owner.encode(), bytes.fromhex(owner), published.encode()]
    needles += [part for s in (ledger.secret, ledger.nonce) for part in (s, s.hex().encode())]
    files = [p for part in ("store", "runs") for p in (smoke / part).rglob("*") if p.is_file()]
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        assert not any(needle in content for needle in needles), path


def test_auditing_does_not_disturb_training(smoke, tmp_path):
    (tmp_path / "secrets").symlink_to(smoke / "secrets")
    assert warmed().run(tmp_path, "+experiment=smoke", "audit.live=false", "progress=false") == 0
    live, silent = (next((r / "store" / "train").glob("[0-9a-f]*")) for r in (smoke, tmp_path))
    assert live.name == silent.name
    assert result(latest(smoke))["metrics"] == result(latest(tmp_path))["metrics"]
    for name in ("final.safetensors", "epoch-00002.safetensors"):
        assert (live / name).read_bytes() == (silent / name).read_bytes()


def test_a_runs_victim_is_found_beside_its_store(smoke, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGGANT_ROOT", raising=False)
    trained = victim_of(latest(smoke))
    assert trained.victim.answers == "logits"
    assert trained.size == 32
    moved = shutil.copytree(latest(smoke), tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="in no store above it"):
        victim_of(moved)
    monkeypatch.setenv("TAGGANT_ROOT", str(smoke))
    assert victim_of(moved).digest == trained.digest


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["victim=simclr", "score=margin"], "this score reads logits"),
        (
            ["victim=simclr", "score=pairwise_cosine", "unlearning=scrub"],
            "Scrub needs logits and wrong",
        ),
    ],
)
def test_a_plan_refuses_what_does_not_fit(tmp_path, overrides, message):
    forget = ["unlearning.forget=5"] if len(overrides) > 2 else []
    assert warmed().run(tmp_path, *overrides, *forget, "plan=true") == 2
    assert message in (tmp_path / "output.txt").read_text()
    assert not (tmp_path / "store").exists()


def test_plan_says_what_would_run(smoke, tmp_path):
    for root, said in ((smoke, "stored"), (tmp_path, "to run")):
        assert warmed().run(root, "+experiment=smoke", "plan=true") == 0
        assert said in (root / "output.txt").read_text()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["audit.pp=0.01"], r"no key 'audit.pp'. Did you mean 'p'? Accepted in 'audit'"),
        (["victm.width=3"], "no key 'victm.width'"),
        (["score=hing"], "entropy"),
        (["marking/strategy=sgn"], "sign"),
        (["audit.p=0"], "audit.p = 0: accepted are numbers between 0 and 1"),
        (["marking.n=10"], "0.05"),
        (["marking.epsilon=0"], "marking.epsilon = 0: accepted are whole grey levels from 1"),
        (["marking.epsilon=300"], "marking.epsilon = 300"),
        (["marking.secret=" + "ab" * 32], "holds a secret itself"),
        (["marking.used=5000"], "training images: accepted is at most"),
        (["victim.lr=-1"], "victim.lr = -1"),
        (["victim.snapshots=[99]"], "accepted are epochs 1 to 4"),
        (["score.views=0"], "score.views = 0"),
        (["victim.batch_size=1"], "victim.batch_size = 1 for 160 images leaves a batch of fewer"),
        (["marking.used=1e1"], "marking.used = 10.0: accepted are 1, 2, 3, ..."),
        (["marking.n=1e2"], "marking.n = 100.0: accepted are whole numbers (marking.n=100)"),
        (
            ["data.root=a=b"],
            """data.root = a=b: a text with such signs is quoted: 'data.root="a=b"'""",
        ),
        (
            ["marking.n=24", "unlearning=retrain", "unlearning.forget=5"],
            "accepted are marking.n >= 40 or audit.p >= 0.0833",
        ),
        (["audit.versions=1"], "audit.versions = 1: accepted are 2, 3, ... and null"),
        (["audit.versions=41"], "marking.n = 40 versions were marked; accepted are 2 to 40"),
        (["audit.read=some"], "accepted are 'all' and 'until_decided'"),
        (["data.train=999999"], "999999"),
        (["victim.lr=1e30", "victim.epochs=1", "victim.snapshots=1"], "training loss is nan"),
        (["data=image_folder"], "root"),
        (["data=image_folder", "data.root=/nowhere/at/all"], "/nowhere/at/all"),
    ],
)
def test_mistakes_are_named_with_what_is_accepted(in_process, tmp_path, overrides, message):
    status, errors = in_process("+experiment=smoke", "progress=false", *overrides)
    assert status == 2
    assert message.lower() in errors.lower()
    assert errors.startswith("error: ")  # nothing of Hydra's, no traceback
    assert not (tmp_path / "runs").exists()


def test_an_experiment_is_an_addition(in_process):
    status, errors = in_process("experiment=smoke")
    assert status == 2
    assert "add it by +experiment=NAME. Accepted: " in errors
    assert {"demo", "smoke", "clip/from_scratch"} <= set(errors.split("Accepted: ")[1].split(", "))
    assert "/_" not in errors


@pytest.fixture
def in_process(tmp_path, monkeypatch, capsys):
    """Run the command line in this process: imports once, not once a case."""
    import runpy

    from hydra.core.global_hydra import GlobalHydra

    def call(*overrides: str) -> tuple[int, str]:
        monkeypatch.setenv("TAGGANT_ROOT", str(tmp_path))
        monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
        monkeypatch.setattr(sys, "argv", [str(ROOT / "run.py"), *overrides])
        GlobalHydra.instance().clear()
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(ROOT / "run.py"), run_name="__main__")
        return stop.value.code or 0, capsys.readouterr().err

    return call


def test_help_lists_the_groups_and_loads_no_torch():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "run.py", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "hydra" in imported
    assert not imported & {"torch", "numpy", "pytorch_lightning"}
    for group in ("data", "marking", "victim", "unlearning", "score", "audit", "trainer"):
        assert group in done.stdout
