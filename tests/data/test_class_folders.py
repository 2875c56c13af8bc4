"""Folders of classes and sides, by their names alone: no file is opened."""

import pytest

from taggant.data.class_folders import layout


def make(root, *paths):
    for path in paths:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return root


def sides(root, *names):
    """Two classes, ant and bee, in each of some folders."""
    return make(
        root, *(f"{name}/{k}/{i}.png" for name in names for k in ("ant", "bee") for i in "01")
    )


def classes(files):
    return sorted({name for _, name in files})


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Train", "Test"),
        ("training", "validation"),
        ("training_set", "test_set"),
        ("TRAIN", "Validation"),
        ("train2017", "val2017"),
        ("trainset", "valset"),
        ("train", "dev"),
        ("Training Images", "Testing Images"),
        ("trn", "tst"),
        ("01-train", "02-eval"),
        ("pets_train", "pets_test"),
        ("trainval", "test"),
    ],
)
def test_sides_are_recognised_in_any_case(tmp_path, train, test):
    found = layout(sides(tmp_path, train, test))
    assert classes(found.train) == classes(found.test) == ["ant", "bee"]
    assert {path.parents[1].name for path, _ in found.train} == {train}
    assert {path.parents[1].name for path, _ in found.test} == {test}
    assert not found.strays + found.beside


def test_a_test_side_goes_before_a_validation_side_which_is_named(tmp_path):
    found = layout(sides(tmp_path, "train", "Val", "TEST", "annotations"))
    assert {path.parents[1].name for path, _ in found.test} == {"TEST"}
    assert [path.name for path in found.beside] == ["Val", "annotations"]


@pytest.mark.parametrize("names", [("train", "Train", "test"), ("train", "test", "test2")])
def test_two_folders_for_one_side_are_named(tmp_path, names):
    with pytest.raises(ValueError, match=r"\['(Train', 'train|test', 'test2)'\]: which is the t"):
        layout(sides(tmp_path, *names))


@pytest.mark.parametrize(
    "names",
    [
        ("train", "part_b"),
        ("old", "new"),
        ("a/b", "c/d"),
        ("fold1", "fold2", "fold3"),
        ("ant_day", "validation"),
        ("train/x", "test/y"),
    ],
)
def test_folders_that_may_be_sides_or_classes_are_refused(tmp_path, names):
    refused = "may be two sides|beside train, one of|hold no pictures|1 class folders"
    for _ in range(2):
        with pytest.raises(ValueError, match=refused):
            layout(sides(tmp_path, *names))
        make(tmp_path, f"{names[0]}/README")  # the same with a file that lies about


def test_sides_inside_of_classes_are_refused(tmp_path):
    make(tmp_path, *(f"{k}/{s}/0.png" for k in ("cat", "dog") for s in ("Train", "val")))
    with pytest.raises(ValueError, match=r"cat and .*dog hold .* same names \['Train', 'val'\]"):
        layout(tmp_path)


def test_pictures_right_in_the_sides_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"train2017 and .*val2017 hold no class folders"):
        layout(make(tmp_path, "train2017/0.jpg", "val2017/1.jpg", "annotations/a.json"))
    with pytest.raises(ValueError, match=r"test holds 0 class folders \[\] and 1 files"):
        layout(make(sides(tmp_path / "b", "train"), "test/0.jpg"))


def test_a_folder_around_it_all_is_named(tmp_path):
    sides(tmp_path, "set/train", "set/test")
    with pytest.raises(ValueError, match=r"Below .*/set lie \['test', 'train'\]"):
        layout(tmp_path)


@pytest.mark.parametrize(
    "paths",
    [
        ("bullet_train/0.png", "steam_train/0.png"),
        ("bullet_train/fast/0.png", "steam_train/slow/0.png"),
        ("train/0.png", "ant/0.png"),
        ("train/0.png", "train/more/1.png", "ant/0.png"),
        ("valve/0.png", "trainer/0.png"),
        ("ant/images/0.png", "bee/images/0.png"),
        ("animals/ant/0.png", "animals/bee/0.png", "plants/oak/0.png", "plants/ash/0.png"),
        ("ant/0.png", "ant/day/1.png", "ant/night/2.png", "bee/day/1.png", "bee/night/2.png"),
    ],
)
def test_classes_of_all_kinds_of_names_and_depths_are_classes(tmp_path, paths):
    found = layout(make(tmp_path, *paths))
    assert classes(found.train) == sorted({path.partition("/")[0] for path in paths})
    assert (len(found.train), found.test) == (len(paths), [])


def test_what_lies_beside_is_told_apart(tmp_path):
    make(sides(tmp_path, "train", "test"), "README.md", "train/list.csv", "test/0.JPG", "cover.png")
    found = layout(tmp_path)
    assert [path.name for path in found.strays] == ["cover.png", "0.JPG"]
    assert [path.name for path in found.beside] == ["README.md", "list.csv"]


def test_empty_folders_one_class_and_unknown_classes(tmp_path):
    with pytest.raises(ValueError, match=r"0 class folders \[\] and 0 files.*expected are"):
        layout(tmp_path)
    make(tmp_path, "one/0.png", "1.png")
    with pytest.raises(ValueError, match=r"1 class folders \['one'\] and 1 files: at least 2"):
        layout(tmp_path)
    (tmp_path / "two").mkdir()
    with pytest.raises(ValueError, match=r"no files in the class folders \['two'\]"):
        layout(tmp_path)
    make(sides(tmp_path / "s", "train", "test"), "test/wasp/0.png")
    with pytest.raises(ValueError, match=r"classes \['wasp'\] that .*train has not"):
        layout(tmp_path / "s")
    with pytest.raises(ValueError, match=r"holds \['train'\]: beside train, one of"):
        layout(sides(tmp_path / "t", "train"))


def test_a_class_whose_name_is_not_utf8_is_named(tmp_path):
    make(tmp_path, "ant/0.png", "caf\udce9/0.png")
    with pytest.raises(ValueError, match=r"'caf\\udce9' has a name that is not UTF-8"):
        layout(tmp_path)
