"""Images as people have them, to an `ImageSet`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from taggant.data.class_folders import PICTURES, layout
from taggant.data.decode import opaque, square
from taggant.data.imageset import ImageSet, channel_stats, content_ids
from taggant.data.options import check_whole, existing, some
from taggant.data.walk import visible

ACCEPTED = (
    "accepted are uint8 arrays or tensors [N, C, H, W], sequences of PIL images, a folder, and "
    "torchvision or Hugging Face datasets"
)
CHANNELS = (1, 3, 4)
LABELS = ("label", "labels", "fine_label", "target")
"""Columns of a Hugging Face dataset that are taken for labels."""


class Items(Protocol):
    """A map-style dataset: torchvision's, or anybody's."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


Images = Tensor | NDArray[np.uint8] | Sequence[Image.Image] | str | Path | Items
Labels = Sequence[int] | NDArray[np.integer] | Tensor


@dataclass(frozen=True)
class Found:
    """Images as they were given, before any are left out.

    Attributes
    ----------
    images : Tensor, uint8 [N, C, H, W]
    name : str
    labels : Tensor, int64 [N], or None
    class_names : tuple of str
    captions : tuple of str, or None
    """

    images: Tensor
    name: str = "images"
    labels: Tensor | None = None
    class_names: tuple[str, ...] = ()
    captions: tuple[str, ...] | None = None


def image_set(
    images: Images,
    labels: Labels | None,
    captions: Sequence[str] | None,
    size: int | None,
) -> tuple[ImageSet, NDArray[np.int64]]:
    """Images by content, each once, and the position that each has among those given.

    An image whose pixels equal those of an earlier one is left out, with a warning: it would show
    a model the raw version of a marked image.

    Parameters
    ----------
    images, labels, captions, size
        See `taggant.mark`.

    Raises
    ------
    ValueError, TypeError, FileNotFoundError
        Naming the argument, the value and what is accepted.
    """
    check_whole("size", size, optional=True)
    found = _found(images, size)
    if labels is not None:
        numbers = _numbers(labels, len(found.images))
        most = int(numbers.max()) + 1 if len(numbers) else 0
        names = found.class_names if len(found.class_names) >= most else _numbered(most)
        found = replace(found, labels=numbers, class_names=names)
    if captions is not None:
        if len(captions) != len(found.images):
            raise ValueError(f"captions: {len(captions)} are given for {len(found.images)} images")
        found = replace(found, captions=tuple(map(str, captions)))
    if len(found.images) == 0:
        raise ValueError("images: there are none")
    ids = content_ids(found.images)
    kept = np.array(sorted({image_id: i for i, image_id in reversed([*enumerate(ids)])}.values()))
    if len(kept) < len(ids):
        _warn_of_doubles(ids, kept)
    mean, std = channel_stats(found.images)
    rows = kept.tolist()
    made = ImageSet(
        images=found.images[rows],
        ids=tuple(ids[row] for row in rows),
        labels=None if found.labels is None else found.labels[rows],
        captions=None if found.captions is None else tuple(found.captions[row] for row in rows),
        name=found.name,
        class_names=found.class_names,
        mean=mean,
        std=std,
    )
    return made, kept


def _warn_of_doubles(ids: Sequence[str], kept: NDArray[np.int64]) -> None:
    first = {ids[row]: row for row in kept.tolist()}
    doubles = [
        f"images[{i}] equals images[{first[one]}]" for i, one in enumerate(ids) if first[one] != i
    ]
    warnings.warn(
        f"{len(doubles)} images have the pixels of an earlier one and are left out of training as "
        f"well: {', '.join(some(doubles, 5))}",
        stacklevel=4,
    )


def _found(images: Images, size: int | None) -> Found:
    if isinstance(images, (str, Path)):
        return _folder(images, size)
    if isinstance(images, (Tensor, np.ndarray)):
        return Found(_array(images, size))
    if hasattr(images, "features") and hasattr(images, "column_names"):
        return _hugging_face(images, size)
    if not (hasattr(images, "__len__") and hasattr(images, "__getitem__")) or isinstance(
        images, (Mapping, bytes)
    ):
        raise TypeError(f"images: {type(images).__name__} is given; {ACCEPTED}")
    if len(images) and isinstance(images[0], tuple):
        return _pairs(images, size)
    return Found(_stack((images[i] for i in range(len(images))), size))


def _array(images: Tensor | NDArray[np.uint8], size: int | None) -> Tensor:
    shape, dtype = list(images.shape), str(images.dtype).removeprefix("torch.")
    if size is not None:
        raise ValueError(f"size = {size}: arrays are taken as they are; leave it out")
    if dtype != "uint8":
        raise ValueError(
            f"images are {dtype} {shape}: uint8 [N, C, H, W] is needed, the pixels that are "
            "published. For floats of 0..1: (images * 255).round().to(torch.uint8)"
        )
    if len(shape) != 4 or shape[1] not in CHANNELS:
        hint = ""
        if len(shape) == 4 and shape[3] in CHANNELS:
            hint = "; channels come first: transpose(0, 3, 1, 2) of an array"
        raise ValueError(
            f"images are uint8 {shape}: uint8 [N, C, H, W] with C = 1, 3 or 4 is needed{hint}"
        )
    return torch.as_tensor(images).detach().cpu().clone()


def _numbers(labels: Labels, count: int) -> Tensor:
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


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def _stack(images: Iterable[Any], size: int | None) -> Tensor:
    """Single images and files of them, all of one shape."""
    read: list[Tensor] = []
    first = ""
    for i, image in enumerate(images):
        name = str(image) if isinstance(image, Path) else f"images[{i}]"
        pixels = _one(image, size, name)
        first = first or name
        if read and pixels.shape != read[0].shape:
            raise ValueError(
                f"{name} is {list(pixels.shape)}, and {first} is {list(read[0].shape)}: one shape "
                "is needed; size=32, say, cuts out central squares and resizes them"
            )
        read.append(pixels)
    if not read:
        raise ValueError("images: there are none")
    return torch.stack(read)


def _one(image: Any, size: int | None, name: str) -> Tensor:
    """A single image, uint8 [C, H, W]."""
    if isinstance(image, Path):
        try:
            with Image.open(image) as opened:
                return _one(opened, size, name)
        except OSError as error:
            raise ValueError(f"{name} cannot be read as a picture: {error}") from error
    if isinstance(image, Image.Image):
        if size is not None:
            return square(image, size)
        return torch.from_numpy(np.array(opaque(image))).permute(2, 0, 1).contiguous()
    if not isinstance(image, (Tensor, np.ndarray)):
        raise TypeError(f"{name} is {type(image).__name__}: {ACCEPTED}")
    shape, dtype = list(image.shape), str(image.dtype).removeprefix("torch.")
    if dtype != "uint8" or len(shape) != 3 or shape[0] not in CHANNELS or size is not None:
        raise ValueError(
            f"{name} is {dtype} {shape}: a PIL image or uint8 [C, H, W] is needed, before any "
            "transform (and with size, a PIL image)"
        )
    return torch.as_tensor(image)


def _pairs(images: Items, size: int | None) -> Found:
    """A dataset of (image, class number)."""
    items = [images[i] for i in range(len(images))]
    pixels = _stack((item[0] for item in items), size)
    targets = [item[1] for item in items]
    name = type(images).__name__
    if not all(isinstance(target, (int, np.integer)) or _scalar(target) for target in targets):
        return Found(pixels, name)
    labels = _numbers(np.array([int(target) for target in targets]), len(targets))
    listed = getattr(images, "classes", None)
    known = tuple(map(str, listed)) if isinstance(listed, Sequence) else ()
    most = int(labels.max()) + 1
    return Found(pixels, name, labels, known if len(known) >= most else _numbered(most))


def _scalar(value: object) -> bool:
    return isinstance(value, Tensor) and value.ndim == 0 and not value.is_floating_point()


def _hugging_face(images: Any, size: int | None) -> Found:
    """A split of a Hugging Face dataset: its column of images, and that of class numbers."""
    features = images.features
    pictures = [name for name in images.column_names if type(features[name]).__name__ == "Image"]
    if not pictures:
        raise ValueError(
            f"images: a dataset with the columns {', '.join(images.column_names)}, none of which "
            "holds images; cast_column(NAME, datasets.Image()) makes one"
        )
    pixels = _stack((row[pictures[0]] for row in images), size)
    named = [name for name in images.column_names if type(features[name]).__name__ == "ClassLabel"]
    named += [name for name in LABELS if name in images.column_names and name not in named]
    name = str((getattr(images, "info", None) and images.info.dataset_name) or "dataset")
    if not named:
        return Found(pixels, name)
    labels = _numbers(np.asarray(images[named[0]]), len(pixels))
    known = tuple(getattr(features[named[0]], "names", ()) or ())
    return Found(pixels, name, labels, known or _numbered(int(labels.max()) + 1))


def _folder(root: str | Path, size: int | None) -> Found:
    """Pictures of a folder: sorted into folders of classes, or not sorted at all."""
    expected = "with pictures in it, or a folder for each class"
    path = existing("images", root, expected)
    folders, files = visible(path)
    if not folders:
        pictures = [file for file in files if file.suffix.lower() in PICTURES]
        if not pictures:
            raise ValueError(f"images = {root}: no pictures ({', '.join(sorted(PICTURES))})")
        return Found(_stack(pictures, size), path.name)
    found = layout(path)
    names = sorted({name for _, name in found.files})
    pixels = _stack((file for file, _ in found.train), size)
    labels = torch.tensor([names.index(name) for _, name in found.train])
    return Found(pixels, path.name, labels, tuple(names))
