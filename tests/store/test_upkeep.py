"""The store's own commands: nothing that is needed, or cannot be read, is ever removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from taggant.store.__main__ import main
from taggant.store.manifest import MANIFEST
from taggant.store.store import Stage, Store
from taggant.store.upkeep import survey

NO_MANIFESTS = ["{}", "null", "[]", "1", '"text"', "", "{", "[" * 100_000, "NaN", "\udcff"]


def stage(name: str, *needs: Stage, extent: int | None = None, **identity: object) -> Stage:
    """A stage that writes its name."""

    def compute(folder: Path) -> None:
        (folder / "a.txt").write_text(name)

    said = None if extent is None else lambda: {"depth": extent}
    return Stage(name, identity, compute, needs=needs, extent=said)


DATA = stage("data")
MARKER = stage("marker", DATA)
MARK = stage("mark", DATA, MARKER)
TRAIN = stage("train", DATA, MARK)
READ = stage("score", TRAIN, extent=4)
OTHER = stage("train", DATA, seed=1)
OWNERS = stage("marker", content="abc")


@pytest.fixture
def store(tmp_path) -> Store:
    """What one kept run was made from; what another was, that is gone; an owner's marker."""
    made = Store(tmp_path / "store")
    for one in (READ, OTHER, OWNERS):
        made.get(one)
    keep(tmp_path / "runs" / "a", TRAIN, READ)
    return made


def keep(folder: Path, *stages: Stage) -> None:
    folder.mkdir(parents=True)
    named = {one.name: {"digest": one.digest} for one in stages}
    (folder / "result.json").write_text(json.dumps({"stages": named}))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("taggant.store.lock.PATIENCE", 0.01)


def call(store: Store, *arguments: object) -> int:
    return main(["--root", str(store.root), *map(str, arguments)])


def gc(store: Store, *arguments: object) -> int:
    return call(store, "gc", "--yes", "--runs", store.root.parent / "runs", *arguments)


def whole(store: Store) -> bool:
    return all(map(store.has, (DATA, MARKER, MARK, TRAIN, READ, OTHER, OWNERS)))


def test_gc_removes_what_no_kept_run_was_made_from(store, capsys):
    assert call(store, "gc", "--runs", store.root.parent / "runs") == 0
    assert whole(store)
    assert gc(store) == 0
    assert not store.has(OTHER)
    assert all(map(store.has, (DATA, MARKER, MARK, TRAIN, READ, OWNERS)))
    assert str(store.folder(OTHER)) in capsys.readouterr().out


def test_runs_behind_links_are_kept(store, tmp_path):
    shutil.move(tmp_path / "runs" / "a", tmp_path / "elsewhere")
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "runs")
    assert gc(store) == 0
    assert store.has(READ)


def test_interrupted_attempts_and_removals_go(store):
    for name in (".x.partial", ".y.removed"):
        (store.root / "train" / name).mkdir()
    assert gc(store) == 0
    assert not [path for path in (store.root / "train").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["absent", "file", "empty"])
def test_without_runs_nothing_is_removed(store, tmp_path, capsys, name):
    runs = tmp_path / name
    if name != "absent":
        runs.mkdir() if name == "empty" else runs.touch()
    assert gc(store, "--runs", runs) == 2
    assert whole(store)
    assert f"--runs {runs}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [*NO_MANIFESTS, '{"stages": []}', '{"stages": {"a": {"digest": 1}}}', '{"stages": {"a": 1}}'],
)
def test_a_record_that_cannot_be_read_stops_gc(store, tmp_path, capsys, content):
    (tmp_path / "runs" / "b").mkdir()
    path = tmp_path / "runs" / "b" / "result.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    assert gc(store) == 2
    assert whole(store)
    assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize("spoilt", [MARK, OTHER, READ])
@pytest.mark.parametrize("content", [None, *NO_MANIFESTS])
def test_a_manifest_that_cannot_be_read_is_named_and_stops_gc(store, capsys, content, spoilt):
    path = store.folder(spoilt) / MANIFEST
    path.unlink()
    if content is not None:
        path.write_bytes(content.encode(errors="surrogateescape"))
    assert gc(store) == 2
    assert str(path) in capsys.readouterr().err
    assert call(store, "verify") == 1
    said = capsys.readouterr()
    assert str(path) in said.err
    assert said.out == "7 artifacts, 1 damaged\n"
    assert call(store, "ls") == 1
    said = capsys.readouterr()
    assert str(path) in said.err
    assert "6 artifacts" in said.out
    assert len(survey(store.root).records) == 6
    assert call(store, "show", DATA.digest[:8]) == 0


def test_verify_goes_on_past_the_first_damage(store, capsys):
    (store.folder(DATA) / MANIFEST).write_text("{}")
    (store.folder(MARK) / MANIFEST).write_text("null")
    (store.folder(TRAIN) / "a.txt").write_text("other")
    (store.folder(OTHER) / "a.txt").unlink()
    assert call(store, "verify") == 1
    said = capsys.readouterr()
    for one in (DATA, MARK, TRAIN, OTHER):
        assert str(store.folder(one)) in said.err
    assert said.out == "7 artifacts, 4 damaged\n"


def test_an_artifact_in_anothers_place_is_told(store, capsys):
    copied, moved = store.folder(OTHER), store.folder(READ).with_name("0" * 32)
    shutil.rmtree(copied)
    shutil.copytree(store.folder(TRAIN), copied)
    shutil.copytree(store.folder(READ), moved)
    assert call(store, "verify") == 1
    said = capsys.readouterr().err
    assert str(copied) in said
    assert str(moved) in said
    with pytest.raises(RuntimeError, match=f"{OTHER.digest} holds what belongs to"):
        Store(store.root).get(OTHER)


@pytest.mark.parametrize("key", ["identity", "inputs"])
def test_a_manifest_that_says_otherwise_is_told(store, capsys, key):
    path = store.folder(MARK) / MANIFEST
    manifest = json.loads(path.read_text())
    manifest[key] = {} if key == "identity" else manifest[key][:1]
    manifest["identity"]["seed"] = 2
    path.write_text(json.dumps(manifest))
    assert call(store, "verify") == 1
    assert f"{path} was changed" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["ls", "show 0", "verify", "gc"])
def test_a_store_that_is_not_there_is_an_error(tmp_path, capsys, command):
    root = tmp_path / "nowhere"
    assert main(["--root", str(root), *command.split()]) == 2
    assert f"--root {root}: no such folder" in capsys.readouterr().err
    assert not root.exists()


def test_nothing_is_removed_while_a_run_goes_on(store, capsys):
    with store.in_use():
        with Store(store.root).in_use():
            pass
        assert gc(store) == 2
        assert whole(store)
        assert "a run uses this store" in capsys.readouterr().err
    assert gc(store) == 0
    assert not store.has(OTHER)


def test_nothing_is_removed_while_a_stage_is_computed(store):
    found = []
    Store(store.root).get(Stage("audit", {}, lambda _: found.append(gc(store))))
    assert found == [2]
    assert whole(store)


def test_a_removal_that_is_interrupted_leaves_nothing_half_there(store, monkeypatch):
    def interrupted(path):
        (path / MANIFEST).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            gc(store)
    assert not store.folder(OTHER).exists()
    assert call(store, "verify") == 0
    assert gc(store) == 0
    assert [path.name for path in (store.root / "train").iterdir()] == [TRAIN.digest]
