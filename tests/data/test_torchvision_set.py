import hashlib
import pickle

import numpy as np
import pytest
from torchvision import datasets

from taggant.data import torchvision_set


@pytest.fixture
def cifar10(tmp_path, monkeypatch):
    """A tiny folder in CIFAR-10's own format, with checksums to match."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(0)

    def write(name, content):
        data = pickle.dumps(content)
        (folder / name).write_bytes(data)
        return name, hashlib.md5(data).hexdigest()

    def batch(n):
        pixels = rng.integers(0, 256, (n, 3072), dtype=np.uint8)
        return {"data": pixels, "labels": [k % 10 for k in range(n)]}

    train = [write(f"data_batch_{k}", batch(20)) for k in range(1, 6)]
    test = [write("test_batch", batch(30))]
    meta = write("batches.meta", {"label_names": [f"thing {k}" for k in range(10)]})
    monkeypatch.setattr(datasets.CIFAR10, "train_list", train)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", test)
    monkeypatch.setattr(
        datasets.CIFAR10, "meta", {"filename": meta[0], "key": "label_names", "md5": meta[1]}
    )
    return tmp_path


class Tiny(datasets.VisionDataset):
    """A set with a `split` argument, no list of labels, no class names."""

    def __init__(self, root, split="train", colour=0):
        super().__init__(root)
        if split not in ("train", "val"):
            raise ValueError(f"split {split}")
        self.offset = 0 if split == "train" else 100
        self.colour = colour

    def __len__(self):
        return 12

    def __getitem__(self, index):
        pixels = np.full((40, 30, 3), self.offset + index, np.uint8)
        pixels[..., 2] = self.colour
        return datasets.folder.Image.fromarray(pixels), index % 3


def test_cifar10_format(cifar10):
    splits = torchvision_set.load("CIFAR10", cifar10, train=50, test=20, seed=2)
    assert splits.train.images.shape == (50, 3, 32, 32)
    assert splits.test.images.shape == (20, 3, 32, 32)
    assert splits.train.class_names == tuple(f"thing {k}" for k in range(10))
    assert np.bincount(splits.train.labels).tolist() == [5] * 10
    first = datasets.CIFAR10(str(cifar10), train=True)
    whole = torchvision_set.load("CIFAR10", cifar10)
    assert np.array_equal(whole.train.images.permute(0, 2, 3, 1).numpy(), first.data)
    assert whole.train.labels.tolist() == first.targets


def test_sets_with_split_names_and_options(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "Tiny", Tiny, raising=False)
    splits = torchvision_set.load(
        "Tiny", tmp_path, size=8, test_split="val", options={"colour": 9}, train=6
    )
    assert splits.train.images.shape == (6, 3, 8, 8)
    assert splits.test.images[:, 0, 0, 0].tolist() == list(range(100, 112))
    assert splits.test.labels.tolist() == [k % 3 for k in range(12)]
    assert splits.train.class_names == ("0", "1", "2")
    assert set(splits.train.images[:, 2].unique().tolist()) == {9}


def test_fingerprint_is_the_content_once_it_is_there(cifar10):
    before = torchvision_set.fingerprint(dataset="CIFAR10", root=cifar10, size=32)
    assert len(before) == 64
    (cifar10 / "cifar-10-batches-py.tar.gz").write_bytes(b"another set's file")
    assert torchvision_set.fingerprint(dataset="CIFAR10", root=cifar10) == before
    with (cifar10 / "cifar-10-batches-py" / "test_batch").open("ab") as stream:
        stream.write(b"x")
    assert torchvision_set.fingerprint(dataset="CIFAR10", root=cifar10) != before
    assert torchvision_set.fingerprint(dataset="SVHN", root=cifar10) == "torchvision:SVHN"


def test_places_of_existing_copies(tmp_path):
    assert torchvision_set._home(tmp_path, "MNIST") == (tmp_path / "MNIST", tmp_path / "MNIST")
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    assert torchvision_set._home(tmp_path, "MNIST") == (tmp_path, tmp_path / "MNIST" / "raw")
    (tmp_path / "stl10_binary").mkdir()
    assert torchvision_set._home(tmp_path, "STL10") == (tmp_path, tmp_path / "stl10_binary")


@pytest.mark.parametrize("dataset", ["Cifar10", "FakeData", "ImageFolder", "wrap_x", "folder"])
def test_unknown_or_unsuited_dataset(tmp_path, dataset):
    with pytest.raises(ValueError, match=rf"data.dataset = '{dataset}'.*CIFAR10, CIFAR100"):
        torchvision_set.load(dataset, tmp_path)


def test_options_that_a_set_does_not_take(tmp_path, monkeypatch):
    class Choosy(Tiny):
        def __init__(self, root, split="train"):
            if split != "train":
                raise ValueError(f"unknown split {split}")
            super().__init__(root, split)

    monkeypatch.setattr(datasets, "Choosy", Choosy, raising=False)
    for options, message in (
        ({"test_split": "dev"}, r"does not take split = dev \(.*\): unknown split dev"),
        (
            {"options": {"years": 3}},
            r"data.dataset = Choosy does not take split = train, years = 3",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            torchvision_set.load("Choosy", tmp_path, **options)


def test_absent_set_that_cannot_be_downloaded(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"FER2013 is not in .* cannot download"):
        torchvision_set.load("FER2013", tmp_path)


def test_failed_download_is_told(tmp_path, monkeypatch):
    class Remote(Tiny):
        def __init__(self, root, split="train", download=False):
            raise RuntimeError("no network" if download else "not found")

    monkeypatch.setattr(datasets, "Remote", Remote, raising=False)
    with pytest.raises(FileNotFoundError, match=r"Remote is not in .*downloaded: no network"):
        torchvision_set.load("Remote", tmp_path)
    assert torchvision_set.fingerprint(dataset="Remote", root=tmp_path) == "torchvision:Remote"


def test_targets_that_are_no_class_numbers(tmp_path, monkeypatch):
    class Boxes(Tiny):
        targets = tuple([0.5] * 12)

    monkeypatch.setattr(datasets, "Boxes", Boxes, raising=False)
    with pytest.raises(ValueError, match="Boxes has no class number"):
        torchvision_set.load("Boxes", tmp_path, test_split="val")
