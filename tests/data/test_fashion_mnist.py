import gzip
import struct

import numpy as np
import pytest
import torch

from taggant.data import fashion_mnist


def idx(values):
    head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.tobytes()


def write_set(folder, compressed, count=60):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, n in (("train", count), ("test", count // 2)):
        images, labels = fashion_mnist.FILES[split]
        contents = {
            images: idx(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)),
            labels: idx((np.arange(n) % 10).astype(np.uint8)),
        }
        for name, content in contents.items():
            if compressed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)


@pytest.fixture
def debian(tmp_path, monkeypatch):
    folder = tmp_path / "package"
    monkeypatch.setattr(fashion_mnist, "DEBIAN", folder)
    return folder


def test_local_copy_is_read_and_framed(tmp_path, debian):
    root = tmp_path / "data"
    write_set(root / "FashionMNIST" / "raw", compressed=False)
    splits = fashion_mnist.load(root)
    assert splits.train.images.shape == (60, 1, 32, 32)
    assert splits.test.images.shape == (30, 1, 32, 32)
    assert splits.train.labels.tolist() == [k % 10 for k in range(60)]
    assert splits.train.images[:, :, :2].sum() == 0
    assert splits.train.images[:, :, :, 30:].sum() == 0
    exact = fashion_mnist.load(root, size=28)
    assert torch.equal(exact.train.images, splits.train.images[:, :, 2:30, 2:30])
    assert len(exact.train.mean) == 1
    assert len(exact.train.class_names) == 10


def test_debian_package_is_unpacked_once(tmp_path, debian):
    write_set(debian, compressed=True)
    root = tmp_path / "data"
    before = fashion_mnist.fingerprint(root=root, size=32)
    assert not root.exists()
    first = fashion_mnist.load(root, train=20, test=10, seed=1)
    raw = root / "FashionMNIST" / "raw"
    assert sorted(path.name for path in raw.iterdir()) == sorted(fashion_mnist.NAMES)
    assert fashion_mnist.fingerprint(root=root) == before
    for path in debian.iterdir():
        path.unlink()
    assert fashion_mnist.load(root, train=20, test=10, seed=1).train.ids == first.train.ids
    assert (len(first.train), len(first.test)) == (20, 10)
    assert np.bincount(first.train.labels).tolist() == [2] * 10


def test_without_any_source_the_error_names_all(tmp_path, debian, monkeypatch):
    def offline(*_, **__):
        raise RuntimeError("no network")

    monkeypatch.setattr(fashion_mnist, "FashionMNIST", offline)
    with pytest.raises(FileNotFoundError, match=r"FashionMNIST/raw.*package.*no network"):
        fashion_mnist.load(tmp_path / "data")
    assert fashion_mnist.fingerprint(root=tmp_path / "data") == "torchvision:FashionMNIST"


def test_fingerprint_follows_content(tmp_path, debian):
    raw = tmp_path / "FashionMNIST" / "raw"
    write_set(raw, compressed=False)
    before = fashion_mnist.fingerprint(root=tmp_path)
    labels = raw / fashion_mnist.FILES["train"][1]
    content = bytearray(labels.read_bytes())
    content[-1] ^= 1
    labels.write_bytes(bytes(content))
    assert fashion_mnist.fingerprint(root=tmp_path) != before


@pytest.mark.parametrize("damage", [lambda c: c[:-5], lambda c: b"<html>", lambda c: b""])
def test_damaged_file_is_named(tmp_path, debian, damage):
    raw = tmp_path / "FashionMNIST" / "raw"
    write_set(raw, compressed=False)
    images = raw / fashion_mnist.FILES["test"][0]
    images.write_bytes(damage(images.read_bytes()))
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte is damaged"):
        fashion_mnist.load(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 27}, "data.size = 27: accepted are 28"),
        ({"train": 61}, "data.train = 61: Fashion-MNIST has only 60"),
        ({"test": 31}, "data.test = 31: Fashion-MNIST has only 30"),
    ],
)
def test_bad_options(tmp_path, debian, options, message):
    write_set(tmp_path / "FashionMNIST" / "raw", compressed=False)
    with pytest.raises(ValueError, match=message):
        fashion_mnist.load(tmp_path, **options)
