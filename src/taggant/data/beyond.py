"""Further images of a run's own source, which no part of the run sees."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from taggant.data.assemble import TooFewImagesError
from taggant.data.imageset import ImageSet, Splits
from taggant.data.options import check_whole


def beyond(source: object, count: int, key: str, least: int = 1) -> ImageSet:
    """Training images of a source that are in neither split of a run.

    Parameters
    ----------
    source : config of ``data``
        The run's.
    count : int
        How many.
    key : str
        What a person sets the number by.
    least : int
        Fewest that are of use.

    Raises
    ------
    ValueError
        If there are fewer, with the largest number that is accepted.
    """
    check_whole(key, count, least)
    run: Splits = instantiate(source)
    taken = {*run.train.ids, *run.test.ids}
    wanted = len(run.train) + count
    while True:
        try:
            left = _less(_training(source, wanted), taken)
        except TooFewImagesError:
            there = len(_less(_training(source, None), taken))
            accepted = f"accepted are {least} to {there}, " if there >= least else ""
            raise ValueError(
                f"{key} = {count}: {accepted}{run.train.name} has {there} training images beyond "
                f"the run's {len(run.train)} (data.train), and {least} or more are needed; a "
                "smaller data.train leaves more"
            ) from None
        if len(left) >= count:
            return replace(left.select(range(count)), name=f"the rest of {left.name}")
        wanted += count - len(left)  # so many equal a test image of the run


def _training(source: object, count: int | None) -> ImageSet:
    # One test image, which is the least: more of them might be lost to a larger train side.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the run's own data said it all
            splits: Splits = instantiate(source, train=count, test=1)
    except InstantiationException as error:
        if isinstance(error.__cause__, TooFewImagesError):
            raise error.__cause__ from error
        raise
    return splits.train


def _less(images: ImageSet, taken: set[str]) -> ImageSet:
    return images.select(np.flatnonzero([name not in taken for name in images.ids]))
