"""Types of arrays, and checks that nothing is rounded, wrapped or missed on the way into one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggant.stats.checks import shown

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def integers(values: ArrayLike, name: str, least: ArrayLike, most: ArrayLike) -> Ints:
    """Return integers of any integer type as int64, if each lies in least..most.

    The bounds may be arrays; the result has the shape of the values.

    Raises
    ------
    ValueError
        For floats, bools and strings, and for values out of range: the first is named.

    Examples
    --------
    >>> integers([1, 5, 2], "s", 0, 4)
    Traceback (most recent call last):
    ValueError: s: accepted are integers 0..4, got 5
    """
    found = _array(values, name)
    if found.size == 0:
        return np.zeros(found.shape, np.int64)
    spread, low, high = np.broadcast_arrays(found, least, most)
    whole = found.dtype.kind in "iu"
    bad = np.flatnonzero((spread < low) | (spread > high)) if whole else [0]
    if len(bad):
        bounds = f"{low.ravel()[bad[0]]}..{high.ravel()[bad[0]]}"
        raise ValueError(
            f"{name}: accepted are integers {bounds}, got {shown(spread.ravel()[bad[0]])}"
        )
    return found.astype(np.int64)


def reals(values: ArrayLike, name: str, low: float, high: float) -> Floats:
    """Return a non-empty list of numbers as floats, if each lies in low..high, ends included.

    Raises
    ------
    ValueError
        For another shape, and for values out of range, NaN among them: the first is named.

    Examples
    --------
    >>> reals([0.1, 1.2], "p_values", 0, 1)
    Traceback (most recent call last):
    ValueError: p_values: accepted are numbers 0..1, got 1.2
    """
    found = _array(values, name)
    if found.ndim != 1 or found.size == 0 or found.dtype.kind not in "iuf":
        raise ValueError(
            f"{name}: accepted is a non-empty list of numbers {low:g}..{high:g}, got "
            f"{found.dtype} of shape {found.shape}"
        )
    numbers = found.astype(np.float64)
    bad = np.flatnonzero(~((numbers >= low) & (numbers <= high)))
    if bad.size:
        raise ValueError(
            f"{name}: accepted are numbers {low:g}..{high:g}, got {shown(found[bad[0]])}"
        )
    return numbers


def bits(values: ArrayLike, name: str) -> Bools:
    """Return a bool array [instances, columns].

    Raises
    ------
    ValueError
        For another shape or type: numbers are no bits.
    """
    found = _array(values, name)
    if found.ndim != 2 or found.dtype != np.bool_:
        raise ValueError(
            f"{name}: accepted is a bool array [instances, versions read], got {found.dtype} of "
            f"shape {found.shape}"
        )
    return found.astype(np.bool_, copy=False)


def _array(values: ArrayLike, name: str) -> NDArray[np.generic]:
    try:
        return np.asarray(values)
    except ValueError as reason:  # rows of different lengths
        raise ValueError(f"{name}: accepted is an array, got {shown(values)}: {reason}") from None
