"""Class numbers of whatever tells images apart: numbers, or names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

MOST = 1_000_000
"""Classes, at most: more are no classes but numbers of another kind."""


def numbered(
    values: Sequence[object], where: Callable[[int], str]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class numbers, and the names of the classes.

    Numbers are taken as they are and named by their digits; names are numbered in the order of
    the alphabet.

    Parameters
    ----------
    values : sequence of int or of str
    where : callable
        Index -> where the value stands, for messages.

    Returns
    -------
    int64 [N], tuple of str

    Raises
    ------
    ValueError
        For a value that is no name and none of 0, 1, 2, ..., or for both kinds in one list.
    """
    if all(isinstance(value, str) for value in values):
        names = sorted(map(str, set(values)))
        number = {name: k for k, name in enumerate(names)}
        return np.array([number[str(value)] for value in values], np.int64), tuple(names)
    for i, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, Integral) or not 0 <= int(value) < MOST:
            raise ValueError(
                f"{where(i)}: {value!r} is no class; accepted are 0, 1, 2, ..., or names for all"
            )
    numbers = np.array(values, np.int64)
    return numbers, tuple(map(str, range(int(numbers.max()) + 1)))
