"""Your own pictures with captions: a table, a JSON file or tar shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from taggant.data.assemble import Pool, assemble, divide, stratified_order
from taggant.data.captions import records, shard, table
from taggant.data.captions.pair import Pair, gathered, is_file
from taggant.data.imageset import Splits
from taggant.data.options import check_whole, existing, some
from taggant.data.patterns import Patterns, matching, name_from
from taggant.data.walk import digest

SHARD, JSON = ".tar", ".json"
SUFFIXES = (".csv", ".tsv", ".txt", JSON, SHARD)
EXPECTED = "expected are a file of captions in it (data.captions) and the pictures that it names"


def load(
    root: str | Path,
    captions: str | Sequence[str] = "captions.json",
    test_captions: str | Sequence[str] | None = None,
    images: str = ".",
    caption: int = 0,
    size: int = 224,
    train: int | None = None,
    test: int | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Splits:
    """Read pictures and their captions, without labels.

    Every file named under `captions` is one of these; see docs/data.md for examples:

    - a table (.csv, .tsv, .txt) with a header, a row a caption, in columns parted by ``,``, ``;``,
      tabs or ``|``: Flickr30k. Fields may stand in quotes with the first two only;
    - JSON: a list of records, or COCO's ``{"images": [...], "annotations": [...]}``, or
      ``{"images": [{"filename": ..., "sentences": [{"raw": ...}]}]}``;
    - webdataset shards (.tar), in which ``NAME.txt`` is the caption of ``NAME.jpg``.

    Parameters
    ----------
    root : path
    captions : str or sequence of str
        Files, by absolute paths or paths from `root`; patterns such as ``shards/*.tar`` are
        allowed.
    test_captions : str or sequence of str, optional
        The same of the test side; without it, `captions` are divided.
    images : str
        Folder that the pictures' names start from: a path from `root`, or an absolute one.
    caption : int
        Which of an image's captions counts, from 0, in the file's order. It is the caption of all
        versions of the image.
    size : int
        Side in pixels: the shorter side is resized to it, the longer one cropped at its centre.
    train, test : int, optional
        Images per split, drawn at random; None for all.
    test_fraction : float
        Share of the images that the test side gets, without `test_captions`.
    seed : int
        Public seed of the draw.

    Raises
    ------
    FileNotFoundError
        If `root`, a file of captions or pictures are missing; the first missing ones are named,
        each with the line that asks for it.
    ValueError
        For a file that is not UTF-8 or has another form, a row with more or fewer columns than the
        header, a quote left open, an empty caption, an image with fewer captions than asked for,
        or an unreadable picture. File and line are named; of JSON the file and entry
        (``annotations[7]``, from 0), of a shard its member.
    """
    check_whole("data.size", size)
    check_whole("data.caption", caption, least=0)
    check_whole("data.seed", seed, least=0)
    for_training, for_testing = _sides(root, captions, test_captions, images)
    pairs = [*for_training, *for_testing]
    for pair in pairs:
        _check_caption(pair, caption)
    pool = Pool(
        np.zeros(len(pairs), dtype=np.int64),
        lambda index: pairs[index].read(size),
        [pair.captions[caption].text for pair in pairs],
        name=lambda index: str(pairs[index]),
    )
    first = len(for_training)
    if for_testing:
        orders = (
            stratified_order(pool.labels[:first], seed),
            first + stratified_order(pool.labels[first:], seed),
        )
    else:
        orders = divide(pool.labels, seed, test_fraction)
    return assemble("caption folder", None, (pool, orders[0]), (pool, orders[1]), (train, test))


def fingerprint(
    root: str | Path,
    captions: Patterns = "captions.json",
    test_captions: Patterns | None = None,
    images: str = ".",
    **_: object,
) -> str:
    """Digest of the files of captions and of the pictures that they name, wherever these lie."""
    root = existing("data.root", root, EXPECTED)
    read = {pair.path for side in _sides(root, captions, test_captions, images) for pair in side}
    read.update(_files(root, "data.captions", captions))
    if test_captions is not None:
        read.update(_files(root, "data.test_captions", test_captions))
    return digest({name_from(root, path): path for path in read})


def _sides(
    root: str | Path, captions: Patterns, test_captions: Patterns | None, images: str
) -> tuple[list[Pair], list[Pair]]:
    """Pictures of the train and the test side; the second is empty if they are undivided."""
    root = existing("data.root", root, EXPECTED)
    if not isinstance(images, str):
        raise ValueError(f"data.images = {images}: accepted is a folder, such as . or photos")
    for_training = _pairs(_files(root, "data.captions", captions), root / images)
    if test_captions is None:
        return for_training, []
    return for_training, _pairs(_files(root, "data.test_captions", test_captions), root / images)


def _files(root: Path, key: str, patterns: Patterns) -> list[Path]:
    return matching(root, key, patterns, SUFFIXES, "file of captions")


def _pairs(files: Sequence[Path], images: Path) -> list[Pair]:
    """All pictures of some files of captions, each of which is there."""
    found = [pair for path in files for pair in _pairs_of(path, images)]
    missing = [str(pair) for pair in found if pair.member is None and not is_file(pair.path)]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(found)} pictures that have captions are missing: "
            f"{', '.join(some(missing, 5))}; data.images is the folder that their names start from"
        )
    return found


def _pairs_of(path: Path, images: Path) -> list[Pair]:
    if path.suffix.lower() == SHARD:
        return shard.read(path)
    read = records.read(path) if path.suffix.lower() == JSON else table.read(path, images)
    if not read:
        raise ValueError(f"{path}: no captions in this file")
    return gathered(read, images)


def _check_caption(pair: Pair, caption: int) -> None:
    if caption >= len(pair.captions):
        raise ValueError(
            f"data.caption = {caption}: {pair} has {len(pair.captions)} captions, counted from 0"
        )
    chosen = pair.captions[caption]
    if not chosen.text:
        raise ValueError(f"{chosen.where}: the caption of {pair.name} is empty")
