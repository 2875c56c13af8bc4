"""Kills, full disks, damaged files, two runs at once: the store stays right."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import stat
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.forks import TINY, calls, warmed

from taggant.store.store import Store
from taggant.store.upkeep import damage, survey

KILLED = -9
READINGS = 3  # the final model's and two snapshots'


@dataclass(frozen=True)
class Reference:
    """An undisturbed run: where, how many file changes it makes, how long it takes."""

    root: Path
    changes: int
    seconds: float


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Reference:
    root = tmp_path_factory.mktemp("reference")
    (root / "secrets").mkdir()
    (root / "secrets" / "owner.key").write_text("5a" * 32)
    (root / "secrets" / "owner.key").chmod(0o600)
    start = time.perf_counter()
    assert warmed().run(root, *TINY, trace=True) == 0, output(root)
    seconds = time.perf_counter() - start
    changes = len(Path(f"{root}.trace").read_text().splitlines())
    assert calls(root) == ["train"] + ["read"] * READINGS
    return Reference(root, changes, seconds)


def output(root: Path) -> str:
    return (root / "output.txt").read_text()


def fresh(reference: Reference, root: Path) -> Path:
    """An empty root with the reference's owner key: the same run gives the same bytes."""
    (root / "secrets").mkdir(parents=True)
    shutil.copy(reference.root / "secrets" / "owner.key", root / "secrets")
    return root


def contents(root: Path) -> dict[str, dict[str, str]]:
    """SHA-256 of every file of every artifact but the report, which holds times."""
    return {
        f"{record.stage}/{record.digest}": record.manifest["files"]
        for record in survey(root / "store").records
        if record.stage != "report"
    }


def last_digest(root: Path) -> str:
    result = max((root / "runs" / "smoke").glob("*/result.json"))
    return json.loads(result.read_text())["digest"]


def assert_whole(reference: Reference, root: Path) -> None:
    assert contents(root) == contents(reference.root)
    assert last_digest(root) == last_digest(reference.root)
    assert_valid(root)
    assert not list(root.glob("store/.locks/*"))
    assert not list(root.glob("store/**/.*.partial"))
    assert not [p for p in (root / "store").rglob(".*") if p.name != ".locks"]


def assert_valid(root: Path) -> None:
    assert [damage(record) for record in survey(root / "store").records if damage(record)] == []


def kill_and_go_on(reference: Reference, root: Path, fault: dict[str, float]) -> None:
    fresh(reference, root)
    status = warmed().run(root, *TINY, **fault)
    assert status in (KILLED, 0)  # a late kill by the clock may come after the end
    if "at" in fault:
        assert status == KILLED, output(root)
    assert_valid(root)
    assert warmed().run(root, *TINY) == 0, output(root)
    assert_whole(reference, root)


def faults(reference: Reference, count: int, seed: int) -> list[dict[str, float]]:
    """Kills at random file changes, and every fourth at a random time."""
    draw = random.Random(seed)
    changes = draw.sample(range(1, reference.changes + 1), count)
    times = [draw.uniform(0.05, 1.0) * reference.seconds for _ in range(count)]
    return [{"after": times[i]} if i % 4 == 3 else {"at": changes[i]} for i in range(count)]


def test_a_run_killed_anywhere_goes_on_to_the_same_bytes(reference, tmp_path):
    for number, fault in enumerate(faults(reference, 4, seed=0)):
        kill_and_go_on(reference, tmp_path / str(number), fault)


@pytest.mark.slow
def test_fifty_more_kills(reference, tmp_path):
    for number, fault in enumerate(faults(reference, 56, seed=1)):
        kill_and_go_on(reference, tmp_path / str(number), fault)


def test_a_kill_inside_training_loses_at_most_the_epoch_in_flight(reference, tmp_path):
    trace = Path(f"{reference.root}.trace").read_text().splitlines()
    saved = [i for i, line in enumerate(trace, 1) if "resume.ckpt" in line]
    kill_and_go_on(reference, tmp_path / "a", {"at": saved[-1]})
    epochs = json.loads(next((tmp_path / "a").glob("store/train/*/history.json")).read_text())
    assert [row["epoch"] for row in epochs] == [1, 2, 3]


@pytest.mark.parametrize(
    ("number", "status", "epoch"), [(signal.SIGTERM, 143, 3), (signal.SIGINT, 130, 1)]
)
def test_a_signal_in_training_is_told_in_a_line_and_by_the_status(
    reference, tmp_path, number, status, epoch
):
    root = fresh(reference, tmp_path / "root")
    # Each checkpoint is opened once and renamed once.
    stop = {"at": 2 * epoch, "of": "/.resume.ckpt", "signal": number}
    assert warmed().run(root, *TINY, **stop) == status
    assert output(root) == f"stopped; the same command goes on from epoch {epoch}\n"
    assert not (root / "runs").exists()
    assert warmed().run(root, *TINY) == 0, output(root)
    assert_whole(reference, root)


def test_a_signal_in_another_stage_names_the_stage(tmp_path):
    stop = {"at": 2, "of": "/store/mark/", "signal": signal.SIGTERM}
    assert warmed().run(tmp_path, *TINY, **stop) == 143
    assert output(tmp_path) == "stopped; the same command goes on from stage mark\n"


def test_a_run_holds_the_store_from_its_first_stage_to_its_record(reference):
    trace = Path(f"{reference.root}.trace").read_text().splitlines()
    (released,) = [i for i, line in enumerate(trace) if line.endswith("remove " + users(reference))]
    begun = next(i for i, line in enumerate(trace) if "/store/data" in line)
    ended = max(i for i, line in enumerate(trace) if "result.json" in line)
    assert trace.index(f"open {users(reference)}") < begun
    assert ended < released


def users(reference: Reference) -> str:
    return str(Store(reference.root / "store").users)


def test_files_of_a_shared_store_are_for_all_whom_the_umask_lets_read(reference):
    umask = os.umask(0)
    os.umask(umask)
    files = [path for path in (reference.root / "store").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o666 & ~umask}


@pytest.mark.parametrize("room", [400, 4_000, 40_000])
def test_a_full_disk_leaves_the_store_valid(reference, tmp_path, room):
    root = fresh(reference, tmp_path / "root")
    assert warmed().run(root, *TINY, bytes=room) == 2
    (said,) = [line for line in output(root).splitlines() if line.startswith("error: ")]
    assert "File too large" in said
    assert str(root) in said
    assert_valid(root)
    assert warmed().run(root, *TINY) == 0, output(root)
    assert_whole(reference, root)


@pytest.mark.parametrize("harm", ["flip", "truncate"])
def test_damage_in_any_artifact_is_reported_by_name(reference, tmp_path, harm):
    shutil.copytree(reference.root / "store", tmp_path / "store")
    found = survey(tmp_path / "store").records
    assert {record.stage for record in found} == {
        "data",
        "mark",
        "train",
        "unlearn",
        "score",
        "audit",
        "report",
    }
    for record in found:
        for name in record.manifest["files"]:
            path = record.path / name
            whole = path.read_bytes()
            spoilt = whole[:-1] if harm == "truncate" else bytes([whole[0] ^ 1]) + whole[1:]
            path.write_bytes(spoilt)
            message = damage(record)
            assert message is not None
            assert str(path) in message
            path.write_bytes(whole)


def test_a_run_that_reads_damage_stops_and_names_the_file(reference, tmp_path):
    shutil.copytree(reference.root, tmp_path, dirs_exist_ok=True)
    for stage in ("audit", "report"):
        shutil.rmtree(tmp_path / "store" / stage)
    path = next(tmp_path.glob("store/score/*/*/readings.safetensors"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert warmed().run(tmp_path, *TINY) == 2
    assert str(path) in output(tmp_path)
    assert "changed after it was stored" in output(tmp_path)


def test_two_runs_at_once_do_the_work_once(reference, tmp_path):
    root = fresh(reference, tmp_path / "root")
    warmed().start(root, *TINY, beside=True)
    warmed().start(root, *TINY)
    assert [warmed().wait(), warmed().wait()] == [0, 0], output(root)
    assert sorted(calls(root)) == ["read"] * READINGS + ["train"]
    assert_whole(reference, root)
