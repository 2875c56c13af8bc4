"""Marked images on the disk: what is written, and what is read only where it is looked at.

A private folder holds the ledger, the raw images (marked ones first, in the order that they were
drawn, so that an audit reads them without a copy), the published ones, and what a model may be
trained on in the order given.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.numpy import save as as_bytes
from torch import Tensor

from taggant.data import pixels
from taggant.data.imageset import ImageSet
from taggant.files import write_atomically
from taggant.marking.ledger import Ledger
from taggant.marking.publish import IMAGES, Published

SCHEMA = 1
"""Of folders."""
LEDGER, FACTS, POSITIONS = "ledger.json", "marked.json", "positions.safetensors"
RAW, TRAINING, DRAFT = "images", "training", ".draft"
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Facts:
    """What else a folder says of its images: how they were marked."""

    strategy: str
    epsilon: int
    simulated: bool
    schema: int = SCHEMA


class OnDisk:
    """Images that are given one after the other, in a file of a private folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / DRAFT
        self.shape: tuple[int, ...] = ()
        self.count = 0
        self._stream = self.path.open("wb")

    def add(self, image: Tensor) -> None:
        """See `taggant.api.images.Keep`."""
        self.shape = tuple(image.shape)
        self.count += 1
        self._stream.write(np.ascontiguousarray(image.numpy()).data)

    def all(self) -> Tensor:
        """See `taggant.api.images.Keep`."""
        self._stream.close()
        size = self.path.stat().st_size
        whole = torch.from_file(str(self.path), shared=False, size=size, dtype=torch.uint8)
        with contextlib.suppress(PermissionError):  # Windows keeps what is mapped
            self.path.unlink()
        return whole.view(self.count, *self.shape)


def check_empty(*folders: Path) -> None:
    """Refuse folders that hold something.

    Raises
    ------
    FileExistsError
    """
    for path in folders:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FileExistsError(f"{path} holds something already: give an empty folder")


@contextlib.contextmanager
def private(folder: Path) -> Iterator[Path]:
    """A new folder for what is secret, of mode 0700; a failure leaves nothing in it."""
    check_empty(folder)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def arranged(images: ImageSet, rows: Index, folder: Path) -> ImageSet:
    """The raw images in this order, from the disk."""
    images.save(folder / RAW, rows)
    return ImageSet.load(folder / RAW)


def gathering(folder: Path, images: ImageSet, count: int) -> Callable[[Iterable[Tensor]], Tensor]:
    """What takes so many published versions in parts, and returns them from the disk."""

    def gather(parts: Iterable[Tensor]) -> Tensor:
        pixels.write(folder / IMAGES, parts, (count, *images.images.shape[1:]))
        return pixels.read(folder / IMAGES)["images"]

    return gather


def save_rest(
    folder: Path,
    images: ImageSet,
    positions: Index,
    published: Published,
    ledger: Ledger,
    facts: Facts,
) -> None:
    """Write all but the raw and the published images, which are there."""
    ledger.save(folder / LEDGER)
    published.save_facts(folder)
    rows, shown = training(images, positions, published)
    images.save(folder / TRAINING, rows, shown)
    write_atomically(folder / POSITIONS, as_bytes({"positions": positions}))
    write_atomically(folder / FACTS, json.dumps(asdict(facts)).encode())


def training(
    images: ImageSet, positions: Index, published: Published
) -> tuple[Index, Callable[[Tensor], Tensor]]:
    """Rows of the images that a model may be trained on, in the order given; and what they show.

    Used images are shown as published; unused and withheld ones are left out.
    """
    marked, used = images.rows_of(published.ids), published.used
    version = np.full(len(images), -1)
    version[marked[used]] = np.flatnonzero(used)
    left_out = np.zeros(len(images), bool)
    left_out[marked[~used]] = True
    left_out[images.rows_of(published.withheld)] = True
    order = np.argsort(positions)

    def shown(rows: Tensor) -> Tensor:
        part = images.images[rows]
        which = torch.from_numpy(version)[rows]
        part[which >= 0] = published.images[which[which >= 0]]
        return part

    return order[~left_out[order]], shown


@dataclass(frozen=True)
class Loaded:
    """What a private folder holds; pixels stay on the disk until they are looked at."""

    images: ImageSet
    positions: Index
    published: Published
    ledger: Ledger
    facts: Facts
    training: ImageSet | None


def load(folder: Path) -> Loaded:
    """Read a private folder.

    Raises
    ------
    FileNotFoundError
        If it is none.
    ValueError
        If it was written by another version of taggant.
    PermissionError
        If others can read the ledger.
    """
    if not is_private(folder):
        raise FileNotFoundError(
            f"{folder}: no {FACTS}; Marked.load takes the folder that save or mark was given, and "
            "secret= where that was given"
        )
    facts = json.loads((folder / FACTS).read_text())
    if facts["schema"] != SCHEMA:
        raise ValueError(f"{folder / FACTS}: schema {facts['schema']!r}, accepted is {SCHEMA}")
    return Loaded(
        images=ImageSet.load(folder / RAW),
        positions=load_file(folder / POSITIONS)["positions"],
        published=Published.load(folder),
        ledger=Ledger.load(folder / LEDGER),
        facts=Facts(str(facts["strategy"]), int(facts["epsilon"]), bool(facts["simulated"])),
        training=ImageSet.load(folder / TRAINING) if (folder / TRAINING).is_dir() else None,
    )


def is_private(folder: Path) -> bool:
    """Whether a folder is one that `load` reads."""
    return (folder / FACTS).is_file()
