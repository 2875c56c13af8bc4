import shutil
import warnings

import numpy as np
import pytest
from PIL import Image

from taggant.data import image_folder

SUFFIXES = (".png", ".jpg", ".webp", ".bmp", ".gif")


def fill(folder, count, seed=0):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for k in range(count):
        height, width = rng.integers(20, 60, 2)
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k:03d}{SUFFIXES[k % len(SUFFIXES)]}")


@pytest.fixture
def folder(tmp_path):
    """Undivided: 3 classes of 20, 15 and 10 files of all formats."""
    for k, (name, count) in enumerate((("cat", 20), ("ant", 15), ("bee", 10))):
        fill(tmp_path / "mine" / name, count, seed=k)
    return tmp_path / "mine"


@pytest.fixture
def divided(tmp_path):
    for k, (split, name) in enumerate((s, n) for s in ("train", "test") for n in ("ant", "bee")):
        fill(tmp_path / "mine" / split / name, 8, seed=k)
    return tmp_path / "mine"


def test_undivided_folder(folder):
    splits = image_folder.load(folder, size=16, seed=1)
    assert splits.train.class_names == ("ant", "bee", "cat")
    assert splits.train.images.shape == (36, 3, 16, 16)
    assert splits.test.images.shape == (9, 3, 16, 16)
    both = np.bincount([*splits.train.labels.tolist(), *splits.test.labels.tolist()])
    assert both.tolist() == [15, 10, 20]
    assert not set(splits.train.ids) & set(splits.test.ids)
    assert image_folder.load(folder, size=16, seed=1).train.ids == splits.train.ids
    assert image_folder.load(folder, size=16, seed=2).train.ids != splits.train.ids
    assert splits.train.name == "image folder"


def test_divided_folder(divided):
    splits = image_folder.load(divided, train=10)
    assert (len(splits.train), len(splits.test)) == (10, 16)
    assert splits.test.class_names == ("ant", "bee")


def test_val_serves_as_test(divided):
    (divided / "test").rename(divided / "val")
    assert len(image_folder.load(divided).test) == 16


def test_a_class_may_be_called_train(folder):
    (folder / "cat").rename(folder / "train")
    assert image_folder.load(folder).train.class_names == ("ant", "bee", "train")


def test_hidden_files_are_ignored_and_nested_ones_found(folder):
    (folder / "cat" / ".DS_Store").write_bytes(b"\0")
    (folder / ".git" / "x").mkdir(parents=True)
    (folder / "cat" / ".thumbs").mkdir()
    (folder / "cat" / ".thumbs" / "a.png").write_bytes(b"no image")
    before = image_folder.fingerprint(folder)
    (folder / "cat" / "more").mkdir()
    fill(folder / "cat" / "more" / "still", 2, seed=9)
    splits = image_folder.load(folder)
    assert len(splits.train) + len(splits.test) == 47
    assert image_folder.fingerprint(folder) != before
    shutil.rmtree(folder / ".git")
    (folder / "cat" / ".DS_Store").unlink()
    shutil.rmtree(folder / "cat" / "more")
    assert image_folder.fingerprint(folder) == before


def test_copies_of_a_file_count_once_and_are_named(folder):
    shutil.copy(folder / "cat" / "000.png", folder / "ant" / "copy.png")
    with pytest.warns(UserWarning, match=r"left out 1 .*\n  .*(000|copy)\.png equals .*/mine/"):
        splits = image_folder.load(folder)
    assert len(splits.train) + len(splits.test) == 45


def test_what_lies_beside_the_class_folders_is_named(divided):
    (divided / "train" / "notes.txt").write_text("taken in May")
    (divided / "val").mkdir()
    with pytest.warns(
        UserWarning, match=r"2 beside the class folders, not read:\n.*val\n.*train/notes\.txt$"
    ):
        splits = image_folder.load(divided)
    assert (splits.train.class_names, len(splits.train), len(splits.test)) == (
        ("ant", "bee"),
        16,
        16,
    )
    before = image_folder.fingerprint(divided)
    shutil.copy(divided / "train" / "ant" / "000.png", divided / "test" / "lost.png")
    with pytest.raises(ValueError, match=r"test/lost\.png: a picture beside the class folders"):
        image_folder.load(divided)
    with pytest.warns(
        UserWarning, match=r"3 beside the class folders, not read:\n.*test/lost\.png"
    ):
        assert len(image_folder.load(divided, on_error="skip").test) == 16
    assert image_folder.fingerprint(divided) == before


def truncated(path):
    content = (path.parent / "000.png").read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        lambda path: path.write_bytes((path.parent / "001.jpg").read_bytes()[:300]),
        lambda path: path.write_text("not an image"),
        lambda path: path.write_bytes(b""),
    ],
    ids=["truncated png", "truncated jpeg", "text", "empty"],
)
def test_unreadable_files_are_named(folder, damage):
    bad = folder / "bee" / "zzz bad.png"
    damage(bad)
    with pytest.raises(ValueError, match=r"bee/zzz bad\.png: no readable image.*on_error=skip"):
        image_folder.load(folder)
    with pytest.warns(UserWarning, match=r"left out 1 unreadable files:\n  .*zzz bad\.png"):
        splits = image_folder.load(folder, on_error="skip")
    assert len(splits.train) + len(splits.test) == 45


def test_nothing_is_warned_of_without_cause(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splits = image_folder.load(folder, on_error="skip")
    assert len(splits.train) + len(splits.test) == 45


def test_all_files_of_a_class_unreadable(folder):
    for path in (folder / "bee").iterdir():
        path.write_bytes(b"x")
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(ValueError, match=r"no training image of 1 classes: \['bee'\]"),
    ):
        image_folder.load(folder, on_error="skip")


def test_missing_root_and_root_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    for read in (image_folder.load, image_folder.fingerprint):
        with pytest.raises(FileNotFoundError, match=r"data.root = .*nowhere: found nothing.*class"):
            read(tmp_path / "nowhere")
        with pytest.raises(FileNotFoundError, match="found a file, a folder is needed"):
            read(tmp_path / "file")
        for nothing, typed in ((None, "null"), ("", "")):
            with pytest.raises(FileNotFoundError, match=rf"data.root = {typed}: found nothing"):
                read(nothing)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "data.size = 0: accepted are 1, 2, 3, ...$"),
        ({"size": "large"}, "data.size = large: accepted are 1, 2"),
        ({"seed": -1}, "data.seed = -1: accepted are 0, 1, 2"),
        ({"test_fraction": "half"}, r"data.test_fraction = half: accepted are numbers in \(0, 1\)"),
        ({"on_error": "ignore"}, r"data.on_error = ignore: accepted are raise, skip"),
        ({"train": 37}, "data.train = 37: image folder has only 36 train images"),
        ({"test": 10}, "data.test = 10: image folder has only 9 test images"),
        ({"test_fraction": 1}, "data.test_fraction = 1"),
        ({"train": 2}, "data.train = 2: image folder has 3 classes"),
    ],
)
def test_bad_options(folder, options, message):
    with pytest.raises(ValueError, match=message):
        image_folder.load(folder, **options)


def test_links_to_folders_are_read_and_counted_in_the_digest(folder, tmp_path):
    (folder / "cat").rename(tmp_path / "far")
    (folder / "cat").symlink_to(tmp_path / "far")
    fill(tmp_path / "album", 3, seed=7)
    (folder / "bee" / "album").symlink_to(tmp_path / "album")
    splits = image_folder.load(folder)
    assert len(splits.train) + len(splits.test) == 48
    before = image_folder.fingerprint(folder)
    shutil.copy(tmp_path / "album" / "000.png", tmp_path / "far" / "000.png")
    edited = image_folder.fingerprint(folder)
    fill(tmp_path / "other album", 3, seed=8)
    (folder / "bee" / "album").unlink()
    (folder / "bee" / "album").symlink_to(tmp_path / "other album")
    assert len({before, edited, image_folder.fingerprint(folder)}) == 3
    assert image_folder.load(folder).train.ids != splits.train.ids
    (folder / "bee" / "all").symlink_to(folder)
    for read in (image_folder.load, image_folder.fingerprint):
        with pytest.raises(ValueError, match=r"bee/all leads back to .*mine"):
            read(folder)


def test_a_link_that_leads_nowhere_is_an_unreadable_file(folder):
    (folder / "bee" / "gone.png").symlink_to("nowhere.png")
    with pytest.raises(ValueError, match=r"bee/gone\.png: no readable image"):
        image_folder.load(folder)
    with pytest.warns(UserWarning, match=r"left out 1 unreadable files:\n  .*gone\.png"):
        image_folder.load(folder, on_error="skip")


def test_digest_follows_names_and_content_not_place(folder, tmp_path):
    before = image_folder.fingerprint(folder)
    assert image_folder.fingerprint(root=str(folder), size=64, train=3) == before
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert image_folder.fingerprint(moved) == before
    (moved / "cat" / "000.png").rename(moved / "cat" / "new.png")
    renamed = image_folder.fingerprint(moved)
    assert renamed != before
    (moved / "cat" / "new.png").write_bytes(b"other")
    assert image_folder.fingerprint(moved) not in (before, renamed)
