"""Marking a share of a training set, as one set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taggant.data.assemble import stratified_order
from taggant.data.imageset import ImageSet


def count_of(share: float, total: int, name: str) -> int:
    """How many images a share means: a whole number counts them, a fraction is of `total`.

    Raises
    ------
    ValueError
        For a negative number, a number above `total`, or one that is neither.
    """
    whole = isinstance(share, int)
    count = int(share) if whole else round(share * total)
    if share < 0 or count > total or not (whole or share <= 1):
        raise ValueError(
            f"{name} = {share}: accepted are counts from 0 to {total} (whole numbers) and "
            "fractions of the training set from 0.0 to 1.0"
        )
    return count


def marking_order(train: ImageSet, balanced: bool, seed: int) -> NDArray[np.int64]:
    """A random order of the training images, of which a prefix is marked.

    So what a small share marks, a larger one marks too.

    Parameters
    ----------
    train : ImageSet
    balanced : bool
        Every prefix has nearly the classes' proportions: the share is one of each class.
    seed : int
        Public seed; the order is a function of it.

    Raises
    ------
    ValueError
        If classes are to be balanced that nobody has named.
    """
    if not balanced:
        return np.random.default_rng(seed).permutation(len(train))
    if train.labels is None:
        raise ValueError(f"{train.name} has no labels: marking.balanced=true needs them")
    return np.asarray(stratified_order(train.labels.numpy(), seed))
