import re

import numpy as np
import pytest
import torch
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


class Column:
    """What Hugging Face calls a feature."""

    def __init__(self, **known):
        self.__dict__.update(known)


def hugging_face():
    """A split as the datasets library has it: columns, features, rows and columns by key."""
    image = type("Image", (Column,), {})
    label = type("ClassLabel", (Column,), {})

    class Split:
        features = {"picture": image(), "kind": label(names=["a", "b", "c"])}  # noqa: RUF012
        column_names = ("picture", "kind")
        info = Column(dataset_name="pets")

        def __len__(self):
            return len(PICTURES)

        def __getitem__(self, key):
            return LABELS if key == "kind" else {"picture": PICTURES[key], "kind": LABELS[key]}

        def __iter__(self):
            return (self[i] for i in range(len(self)))

    return Split()


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


def test_datasets_bring_their_labels():
    for images in (Pairs(), hugging_face()):
        found, _ = image_set(images, None, None, None)
        np.testing.assert_array_equal(found.images.numpy(), PIXELS)
        assert found.labels.tolist() == LABELS
        assert found.class_names == ("a", "b", "c")


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
        ({"strategy": "jacobian"}, "strategy = jacobian: it looks through a network"),
        ({"secret": b"short"}, "secret: 5 bytes are given, accepted are 32"),
        ({"seed": -1}, "seed = -1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "given",  # no pixels in a name
)
def test_what_is_wrong_is_named(given, said):
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=re.escape(said)):
        taggant.mark(**{"images": PIXELS, "labels": LABELS, **given})
