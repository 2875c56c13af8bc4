"""Fashion-MNIST: 70,000 grey pictures of clothes, 28x28, 10 classes."""

from __future__ import annotations

import gzip
import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad
from torchvision.datasets import FashionMNIST

from taggant.data.assemble import Pool, assemble, stratified_order
from taggant.data.imageset import Splits
from taggant.data.options import check_whole
from taggant.files import write_atomically

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # package dataset-fashion-mnist
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
NAMES = tuple(name for pair in FILES.values() for name in pair)
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
SIDE = 28


def load(
    root: str | Path,
    size: int = 32,
    train: int | None = None,
    test: int | None = None,
    seed: int = 0,
) -> Splits:
    """Fashion-MNIST as grey images [N, 1, size, size], in its own split.

    Taken from <root>/FashionMNIST/raw if it is there, else unpacked to there from the Debian
    package dataset-fashion-mnist, else downloaded to there by torchvision.

    Parameters
    ----------
    root : path
        Folder of downloaded sets.
    size : int
        28, or more: black borders are added.
    train, test : int, optional
        Images per split, drawn in the classes' proportions; None for all.
    seed : int
        Public seed of the draw.

    Raises
    ------
    FileNotFoundError
        If the set is nowhere and cannot be downloaded.
    ValueError
        If a file is damaged, `size` is below 28, or more images are wanted than there are.
    """
    check_whole("data.size", size, least=SIDE)
    check_whole("data.seed", seed, least=0)
    raw = _fetch(Path(root))
    parts = {split: _pool(raw, split, size) for split in FILES}
    orders = {split: stratified_order(pool.labels, seed) for split, pool in parts.items()}
    return assemble(
        "Fashion-MNIST",
        CLASSES,
        (parts["train"], orders["train"]),
        (parts["test"], orders["test"]),
        (train, test),
    )


def fingerprint(root: str | Path, **_: object) -> str:
    """Digest of the four unpacked files, wherever they lie; the set's name before a download."""
    raw = _raw(Path(root))
    total = hashlib.sha256()
    if _complete(raw):
        contents = ((raw / name).read_bytes() for name in NAMES)
    elif _complete(DEBIAN, ".gz"):
        contents = (_unpack(name) for name in NAMES)
    else:
        return "torchvision:FashionMNIST"
    for name, content in zip(NAMES, contents, strict=True):
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def _fetch(root: Path) -> Path:
    """The folder of the four unpacked files, filled if need be."""
    raw = _raw(root)
    if _complete(raw):
        return raw
    if _complete(DEBIAN, ".gz"):
        for name in NAMES:
            write_atomically(raw / name, _unpack(name))
        return raw
    try:
        FashionMNIST(str(root), download=True)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"Fashion-MNIST is not in {raw}, the Debian package dataset-fashion-mnist is not "
            f"installed ({DEBIAN}), and it could not be downloaded: {error}"
        ) from error
    return raw


def _raw(root: Path) -> Path:
    return root / "FashionMNIST" / "raw"


def _complete(folder: Path, suffix: str = "") -> bool:
    return all((folder / (name + suffix)).is_file() for name in NAMES)


def _unpack(name: str) -> bytes:
    return gzip.decompress((DEBIAN / f"{name}.gz").read_bytes())


def _pool(raw: Path, split: str, size: int) -> Pool:
    images, labels = (_read_idx(raw / name) for name in FILES[split])
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{raw}: {split} has {list(images.shape)} images, {list(labels.shape)} labels"
        )
    before = (size - SIDE) // 2
    after = size - SIDE - before
    framed = pad(images[:, None], [before, after, before, after])
    numbers = labels.numpy().astype(np.int64)
    return Pool(numbers, lambda index: framed[index], name=partial("{} image {}".format, split))


def _read_idx(path: Path) -> Tensor:
    """An IDX file of bytes: 0, 0, 8, number of axes, big-endian axis lengths, values."""
    content = path.read_bytes()
    axes = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    shape = np.frombuffer(content[4 : 4 + 4 * axes], dtype=">u4").astype(np.int64)
    body = content[4 + 4 * axes :]
    if axes == 0 or len(shape) < axes or len(body) != int(shape.prod()):
        raise ValueError(f"{path} is damaged ({len(content)} bytes): remove it to fetch it again")
    return torch.frombuffer(bytearray(body), dtype=torch.uint8).reshape(shape.tolist())
