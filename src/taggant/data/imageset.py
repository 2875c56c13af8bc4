"""Sets of images with stable names: what every other part of the framework takes and gives."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.data import pixels
from taggant.data.pixels import parts, taken

ID_DIGITS = 32
Indices = Sequence[int] | NDArray[np.integer] | Tensor


def content_ids(images: Tensor) -> tuple[str, ...]:
    """Name each image by its content: sha256 of shape and pixels, cut to 32 hex digits.

    Adding, removing or reordering images changes the name of no other image. Equal pixels give
    equal names; different pixels give different ones but for a collision of 128 bits.

    Parameters
    ----------
    images : Tensor, uint8 [N, C, H, W]
    """
    _check_images(images)
    shape = ",".join(map(str, images.shape[1:])).encode() + b":"
    return tuple(
        hashlib.sha256(shape + image.tobytes()).hexdigest()[:ID_DIGITS]
        for image in images.cpu().contiguous().numpy()
    )


def channel_stats(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of pixel value / 255, per channel.

    Counts of the 256 grey levels make the sums exact, so the result depends on neither order nor
    thread count. A channel without contrast gets one grey level as its deviation, never zero.

    Parameters
    ----------
    images : Tensor, uint8 [N, C, H, W], N ≥ 1
    """
    _check_images(images)
    if len(images) == 0:
        raise ValueError("mean and std of an empty set: at least 1 image is needed")
    levels = torch.arange(256, dtype=torch.float64) / 255
    counted = torch.zeros(images.shape[1], 256, dtype=torch.int64)
    for rows in parts(len(images), images.shape[1:]):
        for channel, levels_of in enumerate(taken(images, rows).unbind(1)):
            counted[channel] += torch.bincount(levels_of.reshape(-1).cpu(), minlength=256)
    mean, std = [], []
    for counts in counted:
        weight = counts.double() / counts.sum()
        centre = float(weight @ levels)
        mean.append(centre)
        std.append(max(float(weight @ (levels - centre) ** 2) ** 0.5, 1 / 255))
    return tuple(mean), tuple(std)


def _check_images(images: Tensor) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4:
        shape = list(images.shape)
        raise ValueError(f"images are {images.dtype} {shape}: uint8 [N, C, H, W] is needed")


@dataclass(frozen=True)
class ImageSet:
    """Images in memory or on the disk, with what is known of each.

    Attributes
    ----------
    images : Tensor, uint8 [N, C, H, W], 0..255
    ids : tuple of str
        One name per image, unique within the set: `content_ids` of the *raw* images (`replace`
        keeps them, so that an image and its marked version share a name).
    labels : Tensor, int64 [N], or None
        Class numbers, 0..len(class_names)-1.
    captions : tuple of str, or None
    name : str
    class_names : tuple of str
    mean, std : tuple of float
        Per channel, of pixel value / 255, over the raw training split.

    Raises
    ------
    ValueError
        If the parts do not fit together.
    """

    images: Tensor
    ids: tuple[str, ...]
    labels: Tensor | None
    captions: tuple[str, ...] | None
    name: str
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        _check_images(self.images)
        n, channels = self.images.shape[:2]
        self._check_length("ids", len(self.ids), n)
        twice = [i for i, count in Counter(self.ids).items() if count > 1]
        if twice:
            raise ValueError(
                f"{self.name}: {len(twice)} ids occur more than once, first {twice[0]}"
            )
        if self.captions is not None:
            self._check_length("captions", len(self.captions), n)
        if self.labels is not None:
            self._check_labels(self.labels, n)
        for what, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != channels:
                raise ValueError(
                    f"{self.name}: {what} has {len(values)} values for {channels} channels"
                )

    def _check_length(self, what: str, length: int, n: int) -> None:
        if length != n:
            raise ValueError(f"{self.name}: {length} {what} for {n} images")

    def _check_labels(self, labels: Tensor, n: int) -> None:
        self._check_length("labels", len(labels), n)
        if labels.dtype != torch.int64 or labels.ndim != 1:
            raise ValueError(f"{self.name}: labels are {labels.dtype}, int64 [N] is needed")
        outside = labels[(labels < 0) | (labels >= len(self.class_names))]
        if len(outside):
            raise ValueError(
                f"{self.name}: label {int(outside[0])} is outside 0..{len(self.class_names) - 1}"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def rows_of(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Where the images with these ids stand, [len(ids)]."""
        row = {image_id: i for i, image_id in enumerate(self.ids)}
        return np.array([row[image_id] for image_id in ids], dtype=np.int64)

    def select(self, indices: Indices) -> ImageSet:
        """The images at `indices`, in that order; each index at most once.

        Where these follow each other, the images are a view of this set's, not a copy.
        """
        at = _as_index(indices)
        positions = at.tolist()
        return replace(
            self,
            images=taken(self.images, at),
            ids=tuple(self.ids[i] for i in positions),
            labels=None if self.labels is None else self.labels[at],
            captions=None if self.captions is None else tuple(self.captions[i] for i in positions),
        )

    def replace(self, indices: Indices, images: Tensor) -> ImageSet:
        """Exchange the pixels at `indices` for `images`, uint8 [len(indices), C, H, W].

        Ids, labels, captions, mean and std stay those of the raw images.
        """
        at = _as_index(indices)
        expected = (len(at), *self.images.shape[1:])
        if images.dtype != torch.uint8 or images.shape != expected:
            raise ValueError(
                f"{self.name}: replacement is {images.dtype} {list(images.shape)}, "
                f"uint8 {list(expected)} is needed"
            )
        whole = self.images.clone()
        whole[at] = images.to(whole.device)
        return replace(self, images=whole)

    def save(
        self,
        folder: Path,
        rows: Indices | None = None,
        shown: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """Write `imageset.safetensors` (pixels, labels) and `imageset.json` (the rest).

        Pixels are written part by part, so that no second copy of them is made.

        Parameters
        ----------
        folder : Path
        rows : int array, optional
            Which images, in which order; by default all as they are.
        shown : callable, optional
            Rows int64 [b] -> their images as they are to be written, uint8 [b, C, H, W].
        """
        folder.mkdir(parents=True, exist_ok=True)
        at = torch.arange(len(self)) if rows is None else _as_index(rows)
        shape, positions = self.images.shape[1:], at.tolist()
        pixels.write(
            folder / "imageset.safetensors",
            ((shown or self._shown)(at[part]) for part in parts(len(at), shape)),
            (len(at), *shape),
            None if self.labels is None else self.labels[at],
        )
        record = {
            "name": self.name,
            "class_names": self.class_names,
            "mean": self.mean,
            "std": self.std,
            "ids": [self.ids[i] for i in positions],
            "captions": None if self.captions is None else [self.captions[i] for i in positions],
        }
        text = json.dumps(record, ensure_ascii=False, indent=1)
        (folder / "imageset.json").write_text(text, encoding="utf-8")

    def _shown(self, rows: Tensor) -> Tensor:
        return taken(self.images, rows)

    @classmethod
    def load(cls, folder: Path) -> ImageSet:
        """Read what `save` wrote; pixels stay on the disk until they are looked at."""
        record = json.loads((folder / "imageset.json").read_text(encoding="utf-8"))
        tensors = pixels.read(folder / "imageset.safetensors")
        captions = record["captions"]
        return cls(
            images=tensors["images"],
            ids=tuple(record["ids"]),
            labels=tensors.get("labels"),
            captions=None if captions is None else tuple(captions),
            name=record["name"],
            class_names=tuple(record["class_names"]),
            mean=tuple(record["mean"]),
            std=tuple(record["std"]),
        )


def _as_index(indices: Indices) -> Tensor:
    index = np.asarray(indices)
    if index.size and index.dtype.kind not in "iu":
        raise TypeError(
            f"indices are {index.dtype}: integers are needed (np.flatnonzero of a mask)"
        )
    return torch.from_numpy(index.astype(np.int64).reshape(-1))


@dataclass(frozen=True)
class Splits:
    """A data set as the stages use it: what may be trained on, and what utility is measured on."""

    train: ImageSet
    test: ImageSet

    def save(self, folder: Path) -> None:
        """Write each split to its own sub-folder."""
        self.train.save(folder / "train")
        self.test.save(folder / "test")

    @classmethod
    def load(cls, folder: Path) -> Splits:
        """Read what `save` wrote."""
        return cls(ImageSet.load(folder / "train"), ImageSet.load(folder / "test"))
