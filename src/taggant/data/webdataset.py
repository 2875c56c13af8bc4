"""Your own webdataset shards: tar files of pictures, with a class or caption beside each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from taggant.data.assemble import Index, Pool, assemble, divide, stratified_order
from taggant.data.captions.pair import PICTURES, Pair
from taggant.data.captions.shard import check_complete, samples
from taggant.data.classes import numbered
from taggant.data.imageset import Splits
from taggant.data.options import check_whole, existing
from taggant.data.patterns import Patterns, matching, name_from
from taggant.data.walk import digest

SHARD = ".tar"
LONGEST = 200
"""Characters of a class, at most."""
NUMBER = re.compile(r"-?[0-9]+")
EXPECTED = "expected are tar files in it (data.shards)"


def load(
    root: str | Path,
    shards: Patterns = "*.tar",
    test_shards: Patterns | None = None,
    image: str | None = None,
    label: str | None = "cls",
    caption: str | None = None,
    size: int = 32,
    train: int | None = None,
    test: int | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Splits:
    """Read pictures of tar shards, with the classes or captions that lie beside them.

    Members whose names are equal but for the suffix belong together: ``0001.jpg``, ``0001.cls``
    and ``0001.txt``. Shards are read where they lie, by a reader that unpacks, unpickles and runs
    nothing; those of a stranger too cost no more memory than an index of their pictures.

    Parameters
    ----------
    root : path
    shards : str or sequence of str
        Uncompressed tar files, by absolute paths or paths from `root`; patterns are allowed.
    test_shards : str or sequence of str, optional
        The same of the test side; without it, `shards` are divided.
    image : str, optional
        Suffix of the pictures, such as ``jpg``; without it, any of png, jpg, jpeg, webp, bmp, gif.
    label : str, optional
        Suffix of the members that hold the class: 0, 1, 2, ..., or for all of them a name.
    caption : str, optional
        Suffix of the members that hold the caption. Without `label`, images have none.
    size : int
        Side in pixels: the shorter side is resized to it, the longer one cropped at its centre.
    train, test : int, optional
        Images per split, drawn in the classes' proportions; None for all.
    test_fraction : float
        Share of the images that the test side gets, without `test_shards`.
    seed : int
        Public seed of the draw.

    Raises
    ------
    FileNotFoundError
        If `root` or a shard is missing.
    ValueError
        For a shard that is damaged or cut off, a picture without class or caption, or an
        unreadable picture; shard and member are named.
    """
    check_whole("data.size", size)
    check_whole("data.seed", seed, least=0)
    texts = _suffixes(label=label, caption=caption)
    if not texts:
        raise ValueError("data.label = null: then data.caption names the suffix of the captions")
    pictures = _suffixes(image=image).values() or PICTURES
    root = existing("data.root", root, EXPECTED)
    sides = [
        [pair for path in files for pair in _pairs(path, [*texts.values()], [*pictures])]
        for files in _sides(root, shards, test_shards)
    ]
    pairs = [pair for side in sides for pair in side]
    labels, class_names = class_numbers(pairs) if label is not None else (None, None)
    pool = Pool(
        np.zeros(len(pairs), np.int64) if labels is None else labels,
        lambda index: pairs[index].read(size),
        None if caption is None else [pair.captions[-1].text for pair in pairs],
        name=lambda index: str(pairs[index]),
    )
    first = len(sides[0])
    if len(sides) > 1:
        orders = (
            stratified_order(pool.labels[:first], seed),
            first + stratified_order(pool.labels[first:], seed),
        )
    else:
        orders = divide(pool.labels, seed, test_fraction)
    return assemble("webdataset", class_names, (pool, orders[0]), (pool, orders[1]), (train, test))


def fingerprint(
    root: str | Path, shards: Patterns = "*.tar", test_shards: Patterns | None = None, **_: object
) -> str:
    """Digest of the shards, wherever they lie."""
    root = existing("data.root", root, EXPECTED)
    files = [path for side in _sides(root, shards, test_shards) for path in side]
    return digest({name_from(root, path): path for path in files})


def _suffixes(**named: str | None) -> dict[str, str]:
    """Suffixes in small letters, with their dot, of those that are named."""
    for key, suffix in named.items():
        if suffix is not None and (not isinstance(suffix, str) or not suffix.strip(".").isalnum()):
            raise ValueError(
                f"data.{key} = {suffix}: accepted is the suffix of members, such as cls"
            )
    return {key: f".{suffix.strip('.').lower()}" for key, suffix in named.items() if suffix}


def _sides(root: Path, shards: Patterns, test_shards: Patterns | None) -> list[list[Path]]:
    """The train side's shards, and the test side's if they are apart."""
    sides = [matching(root, "data.shards", shards, [SHARD], "shard")]
    if test_shards is not None:
        sides.append(matching(root, "data.test_shards", test_shards, [SHARD], "shard"))
        twice = sorted({*sides[0]} & {*sides[1]})
        if twice:
            raise ValueError(
                f"data.test_shards = {test_shards}: {twice[0]} is one of data.shards = {shards} too"
            )
    return sides


def _pairs(path: Path, suffixes: Sequence[str], pictures: Sequence[str]) -> list[Pair]:
    """Pictures of a shard, each with its texts in the order of their suffixes."""
    found = samples(path, suffixes, pictures)
    for suffix in suffixes:
        check_complete(path, found, suffix)
    return [
        Pair(path, tuple(sample.texts[suffix] for suffix in suffixes), sample.picture)
        for sample in found
    ]


def class_numbers(pairs: Sequence[Pair]) -> tuple[Index, tuple[str, ...]]:
    """Class numbers, and names of the classes, by the first text of each picture.

    Raises
    ------
    ValueError
        For a text that is no class.
    """
    texts = [pair.captions[0].text for pair in pairs]
    for pair in pairs:
        length = len(pair.captions[0].text)
        if not 0 < length <= LONGEST:
            raise ValueError(
                f"{pair.captions[0].where}: {length} characters; accepted is a class of 1 to "
                f"{LONGEST}"
            )
    values = [int(text) for text in texts] if all(map(NUMBER.fullmatch, texts)) else texts
    return numbered(values, lambda index: pairs[index].captions[0].where)
