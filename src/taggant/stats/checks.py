"""Checks of single arguments: every message gives the name, the value and what is accepted."""

from __future__ import annotations

import operator
from fractions import Fraction
from typing import Literal

import numpy as np

_LONGEST = 60  # characters of a value in a message
_LARGEST = 200  # bits of an integer that is written out
_NUMBERS = (int, float, Fraction, np.integer, np.floating)


def integer(value: object, name: str, least: int, most: int | None = None) -> int:
    """Return a value of any integer type as an int, if it lies in least..most.

    Raises
    ------
    ValueError
        For any other value; a bool is no integer.

    Examples
    --------
    >>> import numpy as np
    >>> integer(np.int64(3), "h", 1)
    3
    >>> integer(2.5, "h", 1)
    Traceback (most recent call last):
    ValueError: h=2.5: accepted are integers >= 1
    """
    found = _index(value)
    if found is None or found < least or (most is not None and found > most):
        accepted = f">= {least}" if most is None else f"{least}..{most}"
        raise ValueError(f"{name}={shown(value)}: accepted are integers {accepted}")
    return found


def real(
    value: object, name: str, low: float, high: float, open_at: Literal["", "low", "high", "both"]
) -> float:
    """Return a real number between low and high as a float.

    Parameters
    ----------
    open_at : {"", "low", "high", "both"}
        Ends that are not accepted themselves.

    Raises
    ------
    ValueError
        For any other value: NaN, strings and bools are no real numbers.

    Examples
    --------
    >>> real(1, "cost", 0, 2, "low")
    1.0
    >>> real(float("nan"), "cost", 0, 2, "low")
    Traceback (most recent call last):
    ValueError: cost=nan: accepted are numbers 0 < cost <= 2
    """
    found = _float(value)
    above = low < found if open_at in ("low", "both") else low <= found
    below = found < high if open_at in ("high", "both") else found <= high
    if not (above and below):
        left = "<" if open_at in ("low", "both") else "<="
        right = "<" if open_at in ("high", "both") else "<="
        raise ValueError(
            f"{name}={shown(value)}: accepted are numbers {low:g} {left} {name} {right} {high:g}"
        )
    return found


def shown(value: object) -> str:
    """Return a value as a message shows it, however long it is.

    Examples
    --------
    >>> shown(10**5000)
    'an integer of 16610 bits'
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and value.bit_length() > _LARGEST:
        return f"an integer of {value.bit_length()} bits"
    try:
        text = repr(value)
    except ValueError:  # a fraction of more digits than Python prints
        return f"a {type(value).__name__} of too many digits"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _index(value: object) -> int | None:
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        return None
    try:
        return operator.index(value)
    except TypeError:  # an array of several
        return None


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
