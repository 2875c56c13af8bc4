"""From a source of images to `Splits`: stratified draws, no pixel content twice, checks."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor

from taggant.data.imageset import ImageSet, Splits, channel_stats, content_ids
from taggant.data.options import check_share, check_whole, some

Index = NDArray[np.int64]
LONG = 2000  # images from which on reading them shows a progress bar


@dataclass(frozen=True)
class Pool:
    """Images that a split may draw from, read one at a time and only when drawn.

    Attributes
    ----------
    labels : int64 [N]
        Class numbers.
    read : callable
        Index -> image uint8 [C, H, W], or None for one to be left out.
    captions : sequence of str, optional
    name : callable, optional
        Index -> what the image is called in messages; without it, equal images are left out
        without a word, as in a set whose doubles are known.
    """

    labels: Index
    read: Callable[[int], Tensor | None]
    captions: Sequence[str] | None = None
    name: Callable[[int], str] | None = None

    def __len__(self) -> int:
        return len(self.labels)


def draw_keys(seed: int, purpose: str, count: int) -> NDArray[np.uint64]:
    """Independent uniform 64-bit keys, a function of (seed, purpose).

    `SeedSequence` separates purposes; raw Philox output is the same in every numpy version, which
    `Generator`'s methods do not promise.
    """
    word = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "big")
    sequence = np.random.SeedSequence([seed, word])
    return np.asarray(np.random.Philox(sequence).random_raw(count), dtype=np.uint64)


def stratified_order(labels: Index, seed: int, groups: Index | None = None) -> Index:
    """A random order of which every prefix has nearly the classes' proportions.

    First comes one group of each class, so that a prefix of at least as many groups as classes
    lacks no class; after that each class's count in a prefix differs from proportional by about
    one group.

    Parameters
    ----------
    labels : int64 [N]
    seed : int
        Public seed; the order is a function of it.
    groups : int64 [N], optional
        Images of one group stay next to each other; all carry one label. Default: each its own.

    Returns
    -------
    int64 [N]
        A permutation of 0..N-1.
    """
    groups = np.arange(len(labels)) if groups is None else groups
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    label = labels[first]
    keys = draw_keys(seed, "data/order", len(label))
    by_class = np.lexsort((keys, label))
    sizes = np.bincount(label)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank = np.empty(len(label), dtype=np.int64)
    rank[by_class] = np.arange(len(label)) - starts[label[by_class]]
    # One offset per class spreads the classes' turns; 2**64 makes it uniform on [0, 1).
    offset = draw_keys(seed, "data/offset", len(sizes)) / 2.0**64
    position = np.where(rank == 0, -1.0, (rank + offset[label]) / sizes[label])
    turn = np.empty(len(label), dtype=np.int64)
    turn[np.lexsort((keys, position))] = np.arange(len(label))
    return np.argsort(turn[group], kind="stable")


def divide(
    labels: Index, seed: int, test_fraction: float, groups: Index | None = None
) -> tuple[Index, Index]:
    """Stratified train and test sides of one pool, whole groups on one side, in drawing order.

    The sides depend on labels, groups, seed and fraction only, not on how many images are drawn
    from them later: a larger training set never takes in former test images.

    Raises
    ------
    ValueError
        If `test_fraction` is not between 0 and 1 (exclusive), or leaves a side without images.
    """
    check_share("data.test_fraction", test_fraction)
    groups = np.arange(len(labels)) if groups is None else groups
    order = stratified_order(labels, seed, groups)
    boundary = groups[order[round(len(order) * (1 - test_fraction)) :]]
    in_test = np.isin(groups, boundary[:1]) if len(boundary) else np.zeros(len(groups), bool)
    start = int(np.argmax(in_test[order])) if in_test.any() else len(order)
    if start in (0, len(order)):
        raise ValueError(
            f"data.test_fraction = {test_fraction} of {len(order)} images leaves a side empty"
        )
    return order[:start], order[start:]


def assemble(
    name: str,
    class_names: Sequence[str] | None,
    train: tuple[Pool, Index],
    test: tuple[Pool, Index],
    counts: tuple[int | None, int | None],
) -> Splits:
    """Read both splits, each from the front of its order, and describe them.

    Exact duplicates are dropped, the first kept, within and across the splits, so that ids are
    unique and no test image is in training. A warning names and counts them.

    Parameters
    ----------
    name : str
    class_names : sequence of str, optional
        C ≥ 2 names; None for images without labels, which all are of class 0 in their pool.
    train, test : (Pool, order)
        Where to read, and in which order.
    counts : (int or None, int or None)
        Images wanted in train and test; None for all.

    Raises
    ------
    ValueError
        For fewer than two classes, a class without training image, or more images wanted than
        there are.
    """
    labelled = class_names is not None
    class_names = class_names if class_names is not None else ("",)
    classes = len(class_names)
    if labelled and classes < 2:
        raise ValueError(f"{name} has {classes} class {list(class_names)}: at least 2 are needed")
    for split, (_, order), count in zip(("train", "test"), (train, test), counts, strict=True):
        _check_count(name, split, count, len(order))
    if counts[0] is not None and counts[0] < classes:
        raise ValueError(
            f"data.train = {counts[0]}: {name} has {classes} classes, at least one image of each "
            "is needed"
        )
    taken = _Taken()
    try:
        training = _gather(name, "train", *train, counts[0], taken)
        testing = _gather(name, "test", *test, counts[1], taken)
    finally:
        taken.warn(name)
    present = set(train[0].labels[training.indices].tolist())
    missing = [class_names[k] for k in range(classes) if k not in present]
    if missing:
        raise ValueError(f"{name}: no training image of {len(missing)} classes: {some(missing)}")
    mean, std = channel_stats(training.images)
    described = (
        ImageSet(
            images=part.images,
            ids=part.ids,
            labels=torch.from_numpy(pool.labels[part.indices]) if labelled else None,
            captions=None
            if pool.captions is None
            else tuple(pool.captions[i] for i in part.indices),
            name=name,
            class_names=tuple(class_names) if labelled else (),
            mean=mean,
            std=std,
        )
        for part, pool in ((training, train[0]), (testing, test[0]))
    )
    return Splits(*described)


def _check_count(name: str, split: str, count: int | None, available: int) -> None:
    check_whole(f"data.{split}", count, optional=True)
    if count is not None and count > available:
        raise TooFewImagesError(
            f"data.{split} = {count}: {name} has only {available} {split} images", available
        )


class TooFewImagesError(ValueError):
    """More images are wanted than there are.

    Attributes
    ----------
    available : int
        Images that there are at most.
    """

    def __init__(self, message: str, available: int) -> None:
        super().__init__(message)
        self.available = available


class _Taken:
    """Which contents have been drawn, under what name, and which images equal one of these."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.doubles: list[tuple[str, str, str]] = []

    def adds(self, image_id: str, split: str, name: str) -> bool:
        """Take an image unless it equals one that is taken."""
        if image_id in self.names:
            self.doubles.append((split, name, self.names[image_id]))
            return False
        self.names[image_id] = name
        return True

    def count(self, split: str) -> int:
        """Images of a split that were not taken."""
        return sum(part == split for part, _, _ in self.doubles)

    def warn(self, source: str) -> None:
        """Say how many images were not taken, and which."""
        named = [(name, kept) for _, name, kept in self.doubles if name]
        if not named:
            return
        counts = " and ".join(f"{self.count(s)} {s}" for s in ("train", "test") if self.count(s))
        head = (
            f"{source}: left out {counts} images whose pixels equal those of another one, as they "
            "are read:"
        )
        listed = some([f"{name} equals {kept}" for name, kept in named])
        warnings.warn("\n  ".join([head, *listed]), stacklevel=4)


@dataclass(frozen=True)
class _Gathered:
    indices: Index
    images: Tensor
    ids: tuple[str, ...]


def _gather(
    source: str, split: str, pool: Pool, order: Index, count: int | None, taken: _Taken
) -> _Gathered:
    """Read from the front of `order` until `count` images with new content are there."""
    wanted = len(order) if count is None else count
    found: dict[int, tuple[str, Tensor]] = {}
    console = Console(stderr=True)
    visible = wanted >= LONG and console.is_terminal
    candidates = iter(order.tolist())
    title = f"{source}, {split}"
    for _ in track(range(wanted), title, console=console, disable=not visible, transient=True):
        for index in candidates:
            image = pool.read(index)
            if image is None:
                continue
            (image_id,) = content_ids(image[None])
            if taken.adds(image_id, split, "" if pool.name is None else pool.name(index)):
                found[index] = image_id, image
                break
    if not found or (count is not None and len(found) < count):
        equal = taken.count(split)
        raise TooFewImagesError(
            f"data.{split} = {'null' if count is None else count}: {source} has only {len(found)} "
            f"{split} images, as {equal} of {len(order)} equal others and "
            f"{len(order) - equal - len(found)} cannot be read",
            len(found),
        )
    indices = np.array(sorted(found), dtype=np.int64)
    images = torch.stack([found[i][1] for i in indices.tolist()])
    return _Gathered(indices, images, tuple(found[i][0] for i in indices.tolist()))
