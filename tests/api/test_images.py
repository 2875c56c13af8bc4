import re

import datasets
import numpy as np
import pytest
import torch
import webdataset
from PIL import Image
from tests.api.cases import noise
from torch.utils.data import Dataset
from torchvision.datasets import ImageFolder

import taggant
from taggant.api.images import image_set

PIXELS = noise(6)
LABELS = [0, 1, 2, 0, 1, 2]
PICTURES = [Image.fromarray(image.transpose(1, 2, 0)) for image in PIXELS]


class Pairs(Dataset):
    """(picture, class number), as torchvision's sets are."""

    classes = ("a", "b", "c")

    def __len__(self):
        return len(PICTURES)

    def __getitem__(self, index):
        return PICTURES[index], LABELS[index]


def hugging_face(**columns):
    """A dataset of the pictures and their classes, and of further columns."""
    features = {"picture": datasets.Image(), "kind": datasets.ClassLabel(names=["a", "b", "c"])}
    held = datasets.Dataset.from_dict(
        {"picture": PICTURES, "kind": LABELS}, features=datasets.Features(features)
    )
    for name, values in columns.items():
        held = held.add_column(name, values)
    return held


def folder(root):
    """A folder for each class, whose files are in the order of `LABELS` within the class."""
    for i, picture in enumerate(PICTURES):
        path = root / "abc"[LABELS[i]] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    return root


@pytest.mark.parametrize(
    "images",
    [PIXELS, torch.from_numpy(PIXELS), PICTURES, list(PIXELS), list(torch.from_numpy(PIXELS))],
    ids=["array", "tensor", "pictures", "arrays", "tensors"],
)
def test_images_keep_their_pixels_in_whatever_they_come(images):
    found, positions = image_set(images, LABELS, None, None)
    np.testing.assert_array_equal(found.images.numpy(), PIXELS)
    assert found.labels.tolist() == LABELS
    assert positions.tolist() == list(range(6))


def same(images, **columns):
    """What is found, with the pixels and labels that all forms of these images have."""
    given = {"labels": None, "captions": None, "size": None, **columns}
    found, _ = image_set(images, **given)
    np.testing.assert_array_equal(found.images.numpy(), PIXELS)
    assert found.labels.tolist() == LABELS
    return found


def test_datasets_bring_their_labels():
    for images in (Pairs(), hugging_face()):
        assert same(images).class_names == ("a", "b", "c")


def test_a_hugging_face_dataset_in_whatever_state_it_is(tmp_path):
    whole = hugging_face()
    whole.save_to_disk(tmp_path / "saved")
    twice = datasets.concatenate_datasets([whole, whole])
    for images in (
        datasets.load_from_disk(tmp_path / "saved"),
        whole.with_format("torch"),
        twice.select(range(6)),
        whole.with_transform(lambda rows: {"picture": [None] * len(rows["picture"])}),
        whole.cast_column("picture", datasets.Image(decode=False)),
    ):
        same(images)


def test_columns_of_a_hugging_face_dataset_are_chosen_by_name():
    texts = [f"picture {i}" for i in range(6)]
    images = hugging_face(text=texts, name=["ant", "bee", "cat"] * 2, other=[5] * 6)
    found = same(images, labels="name", captions="text")
    assert found.class_names == ("ant", "bee", "cat")
    assert found.captions == tuple(texts)
    assert same(images, labels=LABELS).captions is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"labels": "kinds"}, "labels = kinds: columns are picture (Image), kind (ClassLabel), "),
        ({"labels": "weight"}, "labels = weight: it holds float64; accepted are class numbers"),
        ({"labels": "minus"}, "images[0]: -1 is no class; accepted are 0, 1, 2, ..."),
        ({"captions": "kind"}, "captions = kind: it holds ClassLabel, no texts; columns are"),
        ({"captions": "empty"}, "images[1]: there is no text in the column empty"),
    ],
)
def test_columns_that_do_not_fit_are_named(given, said):
    images = hugging_face(weight=[0.5] * 6, minus=[-1] * 6, empty=["a", " "] * 3)
    with pytest.raises(ValueError, match=re.escape(said)):
        same(images, **given)


def test_hugging_face_datasets_that_cannot_be_taken_name_the_next_step(tmp_path):
    whole = hugging_face()
    features = datasets.Features({name: datasets.Image() for name in ("picture", "again")})
    several = datasets.Dataset.from_dict({"picture": PICTURES, "again": PICTURES}, features)
    for images, said in (
        (datasets.DatasetDict(train=whole, test=whole), "several splits are given, train, test"),
        (whole.to_iterable_dataset(), r"\(\(row\['image'\], row\['label'\]\) for row in images\)"),
        (whole.remove_columns("picture"), "columns are kind .ClassLabel., and none holds images"),
        (several, "images: select_columns must name a column: .* picture, again hold images"),
        (
            datasets.Dataset.from_dict(
                {"picture": [None]}, whole.select_columns("picture").features
            ),
            r"images\[0\]: there is no picture in the column picture",
        ),
    ):
        with pytest.raises((ValueError, TypeError), match=said):
            image_set(images, None, None, None)
    with pytest.raises(TypeError, match="labels = 'kind': columns have names in Hugging Face"):
        image_set(PICTURES, "kind", None, None)


def test_a_generator_of_pairs_is_read_once_to_its_end():
    same(zip(PICTURES, LABELS, strict=True))
    stream = hugging_face().to_iterable_dataset()
    same((row["picture"], row["kind"]) for row in stream)


def shards(root, *suffixes):
    """Two shards of the pictures, as the webdataset library writes them."""
    root.mkdir()
    texts = {"cls": LABELS, "txt": [f"picture {i}" for i in range(6)]}
    pattern = str(root / "%d.tar")
    with webdataset.ShardWriter(pattern, maxcount=4, verbose=0) as writer:
        for i, picture in enumerate(PICTURES):
            beside = {suffix: texts[suffix][i] for suffix in suffixes}
            writer.write({"__key__": f"{i:04d}", "png": picture, **beside})
    return root


def test_shards_are_read_from_files_and_by_their_own_library(tmp_path):
    found = same(shards(tmp_path / "both", "cls", "txt"))
    assert found.captions == tuple(f"picture {i}" for i in range(6))
    assert same(str(shards(tmp_path / "classes", "cls"))).captions is None
    one, _ = image_set(tmp_path / "both" / "0.tar", None, None, 8)
    assert one.images.shape == (4, 3, 8, 8)
    urls = [str(tmp_path / "both" / f"{i}.tar") for i in range(2)]
    opened = webdataset.WebDataset(urls, shardshuffle=False)
    same(opened.decode("pil").to_tuple("png", "cls"))
    with pytest.raises(TypeError, match=r"a dict with the keys __key__, .*to_tuple\('jpg', 'cls'"):
        image_set(opened, None, None, None)


def test_a_shard_where_some_pictures_have_no_class_is_refused(tmp_path):
    root = shards(tmp_path / "some", "cls")
    shards(tmp_path / "none")
    (tmp_path / "none" / "0.tar").rename(root / "2.tar")
    with pytest.raises(ValueError, match=r"2\.tar: no class \(\.cls\) of 4 pictures"):
        image_set(root, None, None, None)


def test_a_folder_of_classes_is_read_as_torchvision_reads_it(tmp_path):
    found, _ = image_set(folder(tmp_path), None, None, None)
    known = ImageFolder(tmp_path)
    assert found.labels.tolist() == known.targets
    assert list(found.class_names) == known.classes
    for image, (picture, _) in zip(found.images, known, strict=True):
        np.testing.assert_array_equal(image.permute(1, 2, 0), np.asarray(picture))


def test_a_folder_of_pictures_has_no_labels(tmp_path):
    for i, picture in enumerate(PICTURES):
        picture.save(tmp_path / f"{i}.png")
    found, _ = image_set(str(tmp_path), None, None, None)
    assert found.labels is None
    np.testing.assert_array_equal(found.images.numpy(), PIXELS)


def test_pictures_of_several_sizes_are_squared_on_demand():
    mixed = [PICTURES[0], PICTURES[1].resize((12, 9))]
    with pytest.raises(ValueError, match=r"images\[1\] is \[3, 9, 12\].*size=32"):
        image_set(mixed, None, None, None)
    assert image_set(mixed, None, None, 6)[0].images.shape == (2, 3, 6, 6)


def test_equal_images_are_left_out_and_named():
    twice = np.concatenate([PIXELS, PIXELS[2:3]])
    with pytest.warns(UserWarning, match=r"1 images .*images\[6\] equals images\[2\]"):
        found, positions = image_set(twice, [*LABELS, 2], None, None)
    assert positions.tolist() == [0, 1, 2, 3, 4, 5]
    assert len(found) == 6


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"images": PIXELS / 255}, "images are float64 [6, 3, 16, 16]: uint8"),
        ({"images": PIXELS[0]}, "images are uint8 [3, 16, 16]"),
        ({"images": PIXELS.transpose(0, 2, 3, 1)}, "channels come first"),
        ({"images": [torch.rand(3, 16, 16)]}, "images[0] is float32 [3, 16, 16]"),
        ({"images": 5}, "images: int is given"),
        ({"images": {"a": 1}}, "images: dict is given"),
        ({"images": ["a.png"]}, "images[0] is str"),
        ({"images": []}, "images: there are none"),
        ({"images": "/nowhere"}, "images = /nowhere: found nothing"),
        ({"images": __file__}, "a file; accepted are folders, and tar shards"),
        ({"images": [{"png": 0}]}, "images[0] is a dict with the keys png"),
        ({"images": [()]}, "images[0] is empty"),
        ({"labels": [0, 1]}, "labels: 2 are given for 6 images"),
        ({"labels": [0.5] * 6}, "labels are float64 [6]"),
        ({"labels": [-1] * 6}, "labels are int64 [6]"),
        ({"captions": ["a"]}, "captions: 1 are given for 6 images"),
        ({"size": 8}, "size = 8: arrays are taken as they are"),
        ({"size": 0}, "size = 0: accepted are 1, 2, 3"),
        ({"n": 1}, "n = 1: accepted are 2, 3, 4"),
        ({"epsilon": 0}, "epsilon = 0"),
        ({"epsilon": 256}, "epsilon = 256"),
        ({"unused": 1}, "unused = 1: accepted are shares"),
        ({"unused": 0.95}, "unused = 0.95: of 6 marked images none is left"),
        ({"count": 7}, "count = 7: accepted are 1 to 6"),
        ({"strategy": "signs"}, "strategy = signs: accepted are edit, "),
        ({"secret": b"short"}, "secret: 5 bytes are given, accepted are 32"),
        ({"seed": -1}, "seed = -1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "given",  # no pixels in a name
)
def test_what_is_wrong_is_named(given, said):
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=re.escape(said)):
        taggant.mark(**{"images": PIXELS, "labels": LABELS, **given})
