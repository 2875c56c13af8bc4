"""Images as people have them, to an `ImageSet`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.api.sources import Images, Row, source_of
from taggant.data.imageset import ImageSet, channel_stats, content_ids
from taggant.data.options import check_whole, some

Labels = Sequence[int] | NDArray[np.integer] | Tensor | str
Captions = Sequence[str] | str


class Keep(Protocol):
    """Where images are kept: in memory, say."""

    def add(self, image: Tensor) -> None:
        """Take one more image, uint8 [C, H, W]."""

    def all(self) -> Tensor:
        """All that were taken, uint8 [N, C, H, W]."""


class InMemory:
    """Images in memory."""

    def __init__(self) -> None:
        self.images: list[Tensor] = []

    def add(self, image: Tensor) -> None:
        """See `Keep`."""
        self.images.append(image)

    def all(self) -> Tensor:
        """See `Keep`."""
        return torch.stack(self.images)


def image_set(
    images: Images,
    labels: Labels | None,
    captions: Captions | None,
    size: int | None,
    keep: Keep | None = None,
) -> tuple[ImageSet, NDArray[np.int64]]:
    """Images by content, each once, and the position that each has among those given.

    An image whose pixels equal those of an earlier one is left out, with a warning: it would show
    a model the raw version of a marked image.

    Parameters
    ----------
    images, labels, captions, size
        See `taggant.mark`.
    keep : Keep, optional
        Takes the pixels, one image after the other; by default they are kept in memory.

    Raises
    ------
    ValueError, TypeError, FileNotFoundError
        Naming the argument, the value and what is accepted.
    """
    check_whole("size", size, optional=True)
    label, caption = (given if isinstance(given, str) else None for given in (labels, captions))
    found = source_of(images, size, label, caption)
    keep = InMemory() if keep is None else keep
    read = _Read()
    for row in found.rows:
        if read.takes(row):
            keep.add(row.pixels)
    if not read.ids:
        raise ValueError("images: there are none")
    read.warn_of_doubles()
    pixels, kept = keep.all(), read.kept
    own = read.labels if labels is None or isinstance(labels, str) else labels
    told = read.captions if captions is None or isinstance(captions, str) else captions
    numbers, texts = _numbers(own, read.count), _texts(told, read.count)
    most = 0 if numbers is None else int(numbers.max()) + 1
    names = found.class_names if len(found.class_names) >= most else tuple(map(str, range(most)))
    mean, std = channel_stats(pixels)
    made = ImageSet(
        images=pixels,
        ids=tuple(read.ids),
        labels=None if numbers is None else numbers[kept],
        captions=None if texts is None else tuple(texts[row] for row in kept),
        name=found.name,
        class_names=names,
        mean=mean,
        std=std,
    )
    return made, np.array(kept, np.int64)


class _Read:
    """What is known of the rows read so far."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        """Content of each image that is kept, and what it is called."""
        self.kept: list[int] = []
        self.doubles: list[str] = []
        self._labels: list[int | None] = []
        self._captions: list[str | None] = []
        self.first: Row | None = None
        self.count = 0

    def takes(self, row: Row) -> bool:
        """Note an image; whether it is the first of its content."""
        self.first = self.first or row
        if row.pixels.shape != self.first.pixels.shape:
            raise ValueError(
                f"{row.name} is {list(row.pixels.shape)}, and {self.first.name} is "
                f"{list(self.first.pixels.shape)}: one shape is needed; size=32, say, cuts out "
                "central squares and resizes them"
            )
        self._labels.append(row.label)
        self._captions.append(row.caption)
        (image_id,) = content_ids(row.pixels[None])
        new = image_id not in self.ids
        if new:
            self.ids[image_id] = row.name
            self.kept.append(self.count)
        else:
            self.doubles.append(f"{row.name} equals {self.ids[image_id]}")
        self.count += 1
        return new

    @property
    def labels(self) -> list[int] | None:
        """Class numbers, if all have one."""
        known = [label for label in self._labels if label is not None]
        return known if len(known) == self.count else None

    @property
    def captions(self) -> list[str] | None:
        """Captions, if all have one."""
        known = [caption for caption in self._captions if caption is not None]
        return known if len(known) == self.count else None

    def warn_of_doubles(self) -> None:
        """Say which images are left out."""
        if self.doubles:
            warnings.warn(
                f"{len(self.doubles)} images have the pixels of an earlier one and are left out of "
                f"training as well: {', '.join(some(self.doubles, 5))}",
                stacklevel=4,
            )


def _numbers(
    labels: Sequence[int] | NDArray[np.integer] | Tensor | None, count: int
) -> Tensor | None:
    if labels is None:
        return None
    values = np.asarray(labels.cpu() if isinstance(labels, Tensor) else labels)
    if values.ndim != 1 or values.dtype.kind not in "iu" or (len(values) and values.min() < 0):
        shown = list(values.shape)
        raise ValueError(
            f"labels are {values.dtype} {shown}: class numbers 0, 1, 2, ... are needed, one an "
            "image"
        )
    if len(values) != count:
        raise ValueError(f"labels: {len(values)} are given for {count} images")
    return torch.from_numpy(values.astype(np.int64))


def _texts(captions: Sequence[str] | None, count: int) -> tuple[str, ...] | None:
    if captions is None:
        return None
    if len(captions) != count:
        raise ValueError(f"captions: {len(captions)} are given for {count} images")
    return tuple(map(str, captions))
