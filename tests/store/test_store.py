from __future__ import annotations

import errno
import json
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from taggant.files import write_atomically
from taggant.store.identity import digest
from taggant.store.manifest import StoreError
from taggant.store.store import Stage, Store


def stage(compute, resumable=False, value=1) -> Stage:
    return Stage("mark", {"value": value}, compute, resumable)


def write(folder: Path) -> None:
    (folder / "deep").mkdir(exist_ok=True)
    (folder / "deep" / "a.txt").write_text("abc")


def test_a_stage_is_computed_once(tmp_path):
    calls = []

    def compute(folder):
        calls.append(folder)
        write(folder)

    store = Store(tmp_path)
    first, second = store.get(stage(compute)), store.get(stage(compute))
    assert (first.cached, second.cached, len(calls)) == (False, True, 1)
    assert (second.path / "deep" / "a.txt").read_text() == "abc"


def test_identity_decides_where_an_artifact_lies(tmp_path):
    store = Store(tmp_path)
    assert store.folder(stage(write, value=1)) != store.folder(stage(write, value=2))
    assert stage(write).digest == stage(print).digest


def test_a_failed_stage_leaves_nothing_finished(tmp_path):
    def fail(folder):
        write(folder)
        raise OSError("disk full")

    store = Store(tmp_path)
    with pytest.raises(OSError, match="disk full"):
        store.get(stage(fail))
    assert not store.has(stage(write))
    assert not store.get(stage(write)).cached


def test_only_a_resumable_stage_gets_its_leftovers_back(tmp_path):
    def interrupted(folder):
        (folder / "epoch").write_text("3")
        raise KeyboardInterrupt

    seen = []
    for resumable in (True, False):
        store = Store(tmp_path / str(resumable))
        with pytest.raises(KeyboardInterrupt):
            store.get(stage(interrupted, resumable))
        store.get(stage(lambda folder: seen.append((folder / "epoch").exists()), resumable))
    assert seen == [True, False]


@pytest.mark.parametrize("extent", [None, {"depth": 1}])
@pytest.mark.parametrize("rest", ["folder", "file", "link"])
def test_what_lies_there_without_a_manifest_is_cleared(tmp_path, rest, extent):
    store = Store(tmp_path / "store")
    made = replace(stage(write), extent=None if extent is None else lambda: extent)
    folder = store.folder(made)
    folder.parent.mkdir(parents=True)
    if rest == "folder":
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "old.txt").write_text("old")
    elif rest == "file":
        folder.write_text("old")
    else:
        folder.symlink_to(tmp_path / "nowhere")
    assert store.get(made).path == folder
    assert [p.name for p in folder.rglob("*.txt")] == ["a.txt"]
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_an_attempt_that_fails_leaves_no_empty_folder(tmp_path):
    def refuse(_):
        raise ValueError("data.train = -1")

    for resumable in (True, False):
        with pytest.raises(ValueError, match=r"data\.train"):
            Store(tmp_path / "store").get(stage(refuse, resumable))
    assert not (tmp_path / "store").exists()


def test_an_error_without_a_path_gets_the_artifacts(tmp_path):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = Store(tmp_path)
    with pytest.raises(OSError, match=f"No space left .*{store.folder(stage(full))}"):
        store.get(stage(full))


def test_values_that_have_been_through_json_have_the_same_digest():
    said = {"a": (1, 2.5, None), "b": {10: "x", 9: True}, "c": "é"}
    assert digest(json.loads(json.dumps(said))) == digest(said)


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_damage_is_reported_by_name(tmp_path, damage):
    store = Store(tmp_path)
    path = store.get(stage(write)).path / "deep" / "a.txt"
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(b"abd" if damage == "flip" else b"ab")
    with pytest.raises(StoreError, match=r"deep/a\.txt"):
        store.get(stage(write))


def test_concurrent_demands_compute_once(tmp_path):
    calls = []
    gate = threading.Event()

    def slow(folder):
        gate.wait(5)
        calls.append(1)
        write(folder)

    threads = [threading.Thread(target=Store(tmp_path).get, args=(stage(slow),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_write_atomically_replaces_whole_files_and_leaves_no_drafts(tmp_path):
    path = tmp_path / "x"
    write_atomically(path, b"one")
    write_atomically(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_decides_who_may_read_but_for_secrets(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "x", b"one")
        write_atomically(tmp_path / "secret", b"two", mode=0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_what_a_stage_computes_in_passing_is_not_in_its_own_time(tmp_path, monkeypatch):
    """As when an audit watches a training: the sum over stages is what the run took."""
    clock = SimpleNamespace(now=0)
    monkeypatch.setattr("time.perf_counter", lambda: clock.now)
    store = Store(tmp_path)

    def taking(seconds):
        def compute(folder):
            write(folder)
            clock.now += seconds

        return compute

    def outer(folder):
        taking(2)(folder)
        for i in range(2):
            store.get(stage(taking(60), value=i))

    assert store.get(Stage("train", {}, outer)).seconds == 2
    assert [store.get(stage(write, value=i)).seconds for i in range(2)] == [60, 60]
    assert store.get(Stage("audit", {}, taking(5))).seconds == 5
