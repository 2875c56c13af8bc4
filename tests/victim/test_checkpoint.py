from __future__ import annotations

import shutil

import pytest
from tests.victim.fitting import Kill
from tests.victim.test_training import fitted, same

from taggant.victim import checkpoint
from taggant.victim.checkpoint import RESUME
from taggant.victim.training import HISTORY, snapshot_name

SNAPSHOT = snapshot_name(2)
OPTIONS = {"epochs": 4, "snapshots": [2, 4]}


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """What a whole training gives, and the folder of one that was killed."""
    root = tmp_path_factory.mktemp("trainings")
    for name in ("whole", "killed"):
        (root / name).mkdir()
    with pytest.raises(SystemExit):
        fitted(root / "killed", Kill(3), **OPTIONS)
    return fitted(root / "whole", **OPTIONS), root / "killed"


def flipped(content: bytes, at: float) -> bytes:
    place = int(at * (len(content) - 1))
    return content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]


@pytest.mark.parametrize("name", [RESUME, SNAPSHOT])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda old: flipped(old, 0),
        lambda old: flipped(old, 0.5),
        lambda old: flipped(old, 1),
        lambda old: old[: len(old) // 2],
        lambda _: b"",
    ],
    ids=["first", "middle", "last", "half", "empty"],
)
def test_what_was_spoilt_is_told_and_begun_again(trainings, tmp_path, name, spoil):
    whole, killed = trainings
    folder = shutil.copytree(killed, tmp_path / "copy")
    (folder / name).write_bytes(spoil((folder / name).read_bytes()))
    with pytest.warns(UserWarning, match=rf"{name} is damaged.* begins again"):
        assert same(whole, fitted(folder, **OPTIONS))


def test_a_lost_snapshot_is_told(trainings, tmp_path):
    whole, killed = trainings
    folder = shutil.copytree(killed, tmp_path / "copy")
    (folder / SNAPSHOT).unlink()
    with pytest.warns(UserWarning, match=f"{SNAPSHOT} is damaged or missing"):
        assert same(whole, fitted(folder, **OPTIONS))


def test_the_record_comes_from_the_checkpoint(trainings, tmp_path, recwarn):
    whole, killed = trainings
    folder = shutil.copytree(killed, tmp_path / "copy")
    (folder / HISTORY).write_text("[{")
    assert checkpoint.resumable_checkpoint(folder) == folder / RESUME
    assert same(whole, fitted(folder, **OPTIONS))
    assert not [w for w in recwarn if "begins again" in str(w.message)]


def test_nothing_passes_through_the_systems_temporary_folder(trainings, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    (tmp_path / "new").mkdir()
    assert same(trainings[0], fitted(tmp_path / "new", **OPTIONS))
