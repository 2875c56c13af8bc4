"""Images as people have them, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset

from taggant.data import decode
from taggant.data.captions.pair import Pair
from taggant.data.captions.shard import CLASS, TEXT, check_complete, samples
from taggant.data.class_folders import PICTURES, layout
from taggant.data.columns import captions, class_column, classes, picture_column, pictures
from taggant.data.options import existing
from taggant.data.walk import visible
from taggant.data.webdataset import SHARD, class_numbers

ACCEPTED = (
    "accepted are uint8 arrays or tensors [N, C, H, W], PIL images or (image, class number) one "
    "after the other, a folder, tar shards, and torchvision or Hugging Face datasets"
)
CHANNELS = (1, 3, 4)


class Items(Protocol):
    """A map-style dataset: torchvision's, or anybody's."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


Images = Tensor | NDArray[np.uint8] | Iterable[Any] | str | Path | Items


@dataclass(frozen=True)
class Row:
    """An image: uint8 [C, H, W], what it is called in messages, its class number and caption."""

    pixels: Tensor
    name: str
    label: int | None = None
    caption: str | None = None


@dataclass(frozen=True)
class Source:
    """Images in the order given, read when their turn comes, with the names of their classes."""

    rows: Iterable[Row]
    name: str = "images"
    class_names: tuple[str, ...] = ()


def source_of(
    images: Images, size: int | None, label: str | None = None, caption: str | None = None
) -> Source:
    """Whatever `taggant.mark` is given.

    Parameters
    ----------
    images, size
        See there.
    label, caption : str, optional
        Columns of a Hugging Face dataset.

    Raises
    ------
    ValueError, TypeError, FileNotFoundError
        Naming the argument, the value and what is accepted; also while rows are read.
    """
    if hasattr(images, "features") and hasattr(images, "column_names"):
        return _hugging_face(images, size, label, caption)
    for key, value in (("labels", label), ("captions", caption)):
        if value is not None:
            raise TypeError(f"{key} = {value!r}: columns have names in Hugging Face datasets only")
    if isinstance(images, (str, Path)):
        return _path(images, size)
    if isinstance(images, (Tensor, np.ndarray)):
        _check_array(images, size)
        return Source(_rows(len(images), lambda i: torch.as_tensor(images[i]).detach().cpu()))
    if isinstance(images, Mapping):
        raise TypeError(_mapping(images))
    if isinstance(images, bytes) or (not _is_listed(images) and not hasattr(images, "__iter__")):
        raise TypeError(f"images: {type(images).__name__} is given; {ACCEPTED}")
    name = "images" if isinstance(images, Sequence) else type(images).__name__
    listed = getattr(images, "classes", None)
    known = tuple(map(str, listed)) if isinstance(listed, Sequence) else ()
    return Source(_items(_each(images), size), name, known)


def _is_listed(images: object) -> bool:
    """Whether images have numbers, and there is an end to them."""
    return hasattr(images, "__len__") and hasattr(images, "__getitem__")


def _each(images: Any) -> Iterator[Any]:
    if _is_listed(images) and not isinstance(images, IterableDataset):
        return (images[i] for i in range(len(images)))
    return iter(images)


def _mapping(images: Mapping[str, object]) -> str:
    if images and all(hasattr(split, "column_names") for split in images.values()):
        return f"images: several splits are given, {', '.join(images)}; give one of them"
    return f"images: {type(images).__name__} is given; {ACCEPTED}"


def _rows(count: int, read: Callable[[int], Tensor], name: str = "images[{}]") -> Iterator[Row]:
    return (Row(read(i), name.format(i)) for i in range(count))


def _check_array(images: Tensor | NDArray[np.uint8], size: int | None) -> None:
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


def _items(items: Iterator[Any], size: int | None) -> Iterator[Row]:
    """Images, or (image, class number): the number counts if all have one."""
    for i, item in enumerate(items):
        name = f"images[{i}]"
        if isinstance(item, Mapping):
            raise TypeError(
                f"{name} is a dict with the keys {', '.join(map(str, item))}: (image, class "
                "number) is needed; of webdataset: .decode('pil').to_tuple('jpg', 'cls')"
            )
        pair = isinstance(item, (tuple, list))
        if pair and not item:
            raise TypeError(f"{name} is empty: {ACCEPTED}")
        pixels = _one(item[0] if pair else item, size, name)
        yield Row(pixels, name, _number(item[1]) if pair and len(item) > 1 else None)


def _number(target: object) -> int | None:
    """A class number, if it is one."""
    if isinstance(target, Tensor) and target.ndim == 0 and not target.is_floating_point():
        return int(target)
    return int(target) if isinstance(target, (int, np.integer)) else None


def _one(image: Any, size: int | None, name: str) -> Tensor:
    """A single image, uint8 [C, H, W]."""
    if isinstance(image, Path):
        return decode.read(str(image), image, size)
    if isinstance(image, Image.Image):
        return decode.pixels(image, size)
    if not isinstance(image, (Tensor, np.ndarray)):
        raise TypeError(f"{name} is {type(image).__name__}: {ACCEPTED}")
    shape, dtype = list(image.shape), str(image.dtype).removeprefix("torch.")
    if dtype != "uint8" or len(shape) != 3 or shape[0] not in CHANNELS or size is not None:
        raise ValueError(
            f"{name} is {dtype} {shape}: a PIL image or uint8 [C, H, W] is needed, before any "
            "transform (and with size, a PIL image)"
        )
    return torch.as_tensor(image).detach().cpu()


def _hugging_face(images: Any, size: int | None, label: str | None, caption: str | None) -> Source:
    """A split of a Hugging Face dataset."""
    if not hasattr(images, "__len__"):
        raise TypeError(
            "images: a streamed Hugging Face dataset is given; give (image, class number) one "
            "after the other: ((row['image'], row['label']) for row in images)"
        )
    where = "images[{}]".format
    column = picture_column("images: select_columns", images)
    read = pictures(images, column, size, where, inside=lambda path: True)
    told = class_column("labels", images, label)
    numbers, names = (None, ()) if told is None else classes(images, told, where)
    texts = None if caption is None else captions("captions", images, caption, where)
    rows = (
        Row(
            read(i),
            where(i),
            None if numbers is None else int(numbers[i]),
            None if texts is None else texts[i],
        )
        for i in range(len(images))
    )
    name = (getattr(images, "info", None) and images.info.dataset_name) or "dataset"
    return Source(rows, str(name), names)


def _path(root: str | Path, size: int | None) -> Source:
    """A folder of pictures, sorted into classes or not at all; tar shards."""
    path = Path(root).expanduser()
    if path.is_file() and path.suffix.lower() == SHARD:
        return _shards([path], path.stem, size)
    if path.is_file():
        raise ValueError(
            f"images = {root}: a file; accepted are folders, and tar shards; of a parquet file: "
            "datasets.Dataset.from_parquet"
        )
    path = existing(
        "images", root, "with pictures in it, or a folder for each class, or tar shards"
    )
    folders, files = visible(path)
    if folders:
        found = layout(path)
        names = sorted({name for _, name in found.files})
        rows = (
            Row(decode.read(str(file), file, size), str(file), names.index(name))
            for file, name in found.train
        )
        return Source(rows, path.name, tuple(names))
    listed = [file for file in files if file.suffix.lower() in PICTURES]
    shards = [file for file in files if file.suffix.lower() == SHARD]
    if shards and not listed:
        return _shards(shards, path.name, size)
    if not listed:
        raise ValueError(
            f"images = {root}: no pictures ({', '.join(sorted(PICTURES))}) and no tar shards; of "
            "what save_to_disk wrote: datasets.load_from_disk"
        )
    return Source(
        (Row(decode.read(str(file), file, size), str(file)) for file in listed), path.name
    )


def _shards(paths: Sequence[Path], name: str, size: int | None) -> Source:
    """Pictures of webdataset shards, with their classes (.cls) and captions (.txt) where given."""
    found = {path: samples(path, (CLASS, TEXT)) for path in paths}
    given = []
    for suffix in (CLASS, TEXT):
        if any(suffix in sample.texts for some in found.values() for sample in some):
            given.append(suffix)
            for path, some in found.items():
                check_complete(path, some, suffix)
    pairs = [
        Pair(path, tuple(sample.texts[suffix] for suffix in given), sample.picture)
        for path, some in found.items()
        for sample in some
    ]
    numbers, names = class_numbers(pairs) if CLASS in given else (None, ())
    rows = (
        Row(
            pair.read(size),
            str(pair),
            None if numbers is None else int(numbers[i]),
            pair.captions[-1].text if TEXT in given else None,
        )
        for i, pair in enumerate(pairs)
    )
    return Source(rows, name, names)
