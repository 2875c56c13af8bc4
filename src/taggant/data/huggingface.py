"""Sets of Hugging Face's `datasets`: on your disk, or from the hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from taggant.data.assemble import Index, Pool, assemble, divide, stratified_order
from taggant.data.columns import (
    Inside,
    Split,
    captions,
    class_column,
    classes,
    described,
    picture_column,
    pictures,
)
from taggant.data.huggingface_source import local, on_hub, opened
from taggant.data.imageset import Splits
from taggant.data.options import check_whole
from taggant.data.walk import below, digest, walk


def load(
    name: str | Path,
    root: str | Path = ".",
    subset: str | None = None,
    revision: str | None = None,
    train_split: str | None = None,
    test_split: str | None = None,
    image: str | None = None,
    label: str | None = None,
    caption: str | None = None,
    size: int = 32,
    train: int | None = None,
    test: int | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Splits:
    """Read a Hugging Face dataset as RGB squares.

    On the disk: what ``save_to_disk`` wrote; a parquet file, or a folder of them (``train-*``,
    ``test-*``: the library's rules of names apply); a folder of pictures, with ``metadata.jsonl``
    or a folder for each class. Else a set of the hub, which the library keeps in its own cache.
    No code of a set is ever run, no file outside of it read, and no format read that unpickles.

    Parameters
    ----------
    name : str or Path
        A file or folder, by an absolute path or one from `root`; else OWNER/NAME on the hub.
    root : path
        Where paths start from.
    subset, revision : str, optional
        Of a set on the hub: its configuration, and its branch, tag or commit.
    train_split, test_split : str, optional
        By default ``train``, or the only one there is; and ``test`` where there is one. Where
        both are the same, or there is no test split, images are divided.
    image, label, caption : str, optional
        Columns. By default the only one of images; the only ClassLabel, or one called label; and
        no captions.
    size : int
        Side in pixels, see `taggant.data.decode.square`.
    train, test : int, optional
        Images per split, drawn in the classes' proportions; None for all.
    test_fraction : float
        Share of the images that the test side gets, where they are divided.
    seed : int
        Public seed of the draw.

    Raises
    ------
    FileNotFoundError
        If there is nothing of that name, or the hub cannot be reached.
    ModuleNotFoundError
        Without the extra ``hub``.
    ValueError
        For a split or column that is not there, naming those that are; for a row without class,
        text or readable picture.
    """
    check_whole("data.size", size)
    check_whole("data.seed", seed, least=0)
    with opened(root, name, subset, revision) as found:
        sides = found.sides(train_split, test_split)
        pools, class_names = _pools(sides, found.inside, (image, label, caption), size)
        if len(pools) == 1:
            orders = divide(pools[0].labels, seed, test_fraction)
        else:
            orders = (
                stratified_order(pools[0].labels, seed),
                stratified_order(pools[1].labels, seed),
            )
        return assemble(
            found.name, class_names, (pools[0], orders[0]), (pools[-1], orders[1]), (train, test)
        )


def fingerprint(
    name: str | Path,
    root: str | Path = ".",
    subset: str | None = None,
    revision: str | None = None,
    **_: object,
) -> str:
    """Digest of the files of a set on the disk; of one on the hub its name and commit."""
    path = local(root, name)
    if path is None:
        builder = on_hub(name, subset, revision)
        return f"huggingface:{name}:{builder.config.name}@{builder.hash}"
    if path.is_file():
        return digest({path.name: path})
    return digest(below(path, walk(path)))


def _pools(
    sides: Mapping[str, Split],
    inside: Inside,
    columns: tuple[str | None, str | None, str | None],
    size: int,
) -> tuple[list[Pool], tuple[str, ...] | None]:
    """What each side's images are drawn from, and the names of the classes."""
    image, label, caption = columns
    first = next(iter(sides.values()))
    shown = picture_column("data.image", first, image)
    told = class_column("data.label", first, label)
    if told is None and caption is None:
        raise ValueError(
            f"data.label must name a column of classes, or data.caption one of texts; columns are "
            f"{described(first)}"
        )
    pools: list[Pool] = []
    names: tuple[str, ...] | None = None
    for side, split in sides.items():
        where = f"{side} row {{}}".format
        numbers: Index = np.zeros(len(split), np.int64)
        if told is not None:
            class_column("data.label", split, told)
            numbers, own = classes(split, told, where)
            numbers, names = _agreed(numbers, own, names, side)
        pools.append(
            Pool(
                numbers,
                pictures(split, picture_column("data.image", split, shown), size, where, inside),
                None if caption is None else captions("data.caption", split, caption, where),
                where,
            )
        )
    return pools, names


def _agreed(
    numbers: Index, own: tuple[str, ...], names: tuple[str, ...] | None, side: str
) -> tuple[Index, tuple[str, ...]]:
    """A side's class numbers among the classes of the side before it."""
    if names is None:
        return numbers, own
    unknown = sorted(set(own) - set(names))
    if unknown:
        raise ValueError(f"the split {side} has classes {unknown} that the train split has not")
    return np.array([names.index(name) for name in own], np.int64)[numbers], names
