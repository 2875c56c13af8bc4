"""Labels and captions: read before anything is asked, committed to, and never chosen later."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.owner import photos
from tests.owner.test_mark import fresh

from taggant.owner.labels import Classes, Labelling, classes_of
from taggant.owner.mark import mark

NAMES = ["cat/a.png", "dog/b.png", "c.png"]


def table(path, text):
    path.write_text(text)
    return path


def test_labels_come_from_folders_or_a_table(tmp_path):
    assert Labelling().for_files(NAMES) == {
        "cat/a.png": ("cat", ""),
        "dog/b.png": ("dog", ""),
        "c.png": ("", ""),
    }
    assert set(Labelling("none").for_files(NAMES).values()) == {("", "")}
    labels = table(tmp_path / "l.csv", "name,label\ncat/a.png,1\ndog/b.png,0\nother,3\nc.png,x\n")
    captions = table(
        tmp_path / "c.csv", "\ufeffname,caption\n" + "".join(f"{n},a {n}\n" for n in NAMES)
    )
    assert Labelling(str(labels), captions).for_files(NAMES)["cat/a.png"] == ("1", "a cat/a.png")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,label\ncat/a.png,1\n", "2 pictures have no label"),
        ("name,label\ncat/a.png,1\ncat/a.png,2\n", "line 3: cat/a.png has another label"),
        ("name,class\n", "columns name and label"),
        ("", "columns name and label"),
    ],
)
def test_a_table_that_does_not_tell_is_refused(tmp_path, text, says):
    path = table(tmp_path / "l.csv", text)
    with pytest.raises(ValueError, match=says):
        Labelling(str(path)).for_files(NAMES)


def test_a_misspelt_source_is_told():
    with pytest.raises(ValueError, match="--labels folder: accepted are folders"):
        Labelling("folder").for_files(NAMES)


def test_a_label_is_a_class_by_its_name_or_its_place():
    assert classes_of(["dog", "cat", "dog"], ()) == ("cat", "dog")
    assert classes_of(["dog"], ("dog", "cat")) == ("dog", "cat")
    classes = Classes(["x", "2", "y"])
    assert [classes.number(label) for label in ("x", "2", "y", "0")] == [0, 1, 2, 0]
    for label in ("z", "3", "-1", "00", "\u0661", "9" * 5000):
        with pytest.raises(ValueError, match="none of the model's classes: x, 2, y"):
            classes.number(label)


def test_labels_are_committed_to_and_stay(tmp_path):
    raw = photos.folder(tmp_path / "raw", 2)
    twice = [("a", "folders"), ("b", "none")]
    made = {
        key: mark(
            raw, tmp_path / key, tmp_path / f"{key}.l", fresh(), "keep", labelling=told
        ).ledger
        for key, told in [(key, Labelling(labels)) for key, labels in twice]
    }
    assert [e.label for e in made["a"].entries] == ["class0", "class1"]
    assert [e.label for e in made["b"].entries] == ["", ""]
    first = made["a"].batches[0]
    same_key = replace(first, entries=tuple(e.replace(label="") for e in first.entries))
    assert not set(same_key.picture_commitments) & set(first.picture_commitments)
    with pytest.raises(ValueError, match=r"commits to the label 'class0' of class0/p0\.jpg"):
        mark(raw, tmp_path / "a", tmp_path / "a.l", fresh(), "keep", labelling=Labelling("none"))
    again = mark(raw, tmp_path / "b", tmp_path / "b.l", fresh(), "keep")
    assert again.ledger.commitment == made["b"].commitment


def test_pictures_with_the_same_pixels_have_one_label(tmp_path):
    for name in ("b", "a"):
        photos.write(tmp_path / "raw" / name / "p.png", photos.scene(1, 30, 30))
    ledger = mark(tmp_path / "raw", tmp_path / "out", tmp_path / "l", fresh(), "keep").ledger
    (only,) = ledger.files.values()
    assert (only.name, only.label) == ("a/p.png", "a")
