"""Levels read exactly: 0.29 means 29/100, not the nearest binary fraction."""

from __future__ import annotations

import re
from contextlib import suppress
from fractions import Fraction

from taggant.stats.checks import integer, shown

Level = float | str | Fraction

MOST_VERSIONS = 1_000_000
"""Of one image: beyond it the arrays of a test no longer fit where tests are made."""

_DIGITS = 40  # of a numerator, a denominator or a decimal: bounds the work on a stranger's text
_WHOLE, _ANY = f"[0-9]{{1,{_DIGITS}}}", f"[0-9]{{0,{_DIGITS}}}"
_NUMBER = re.compile(
    rf"[+-]?(?:{_WHOLE}(?:\.{_ANY})?|\.{_WHOLE})(?:[eE][+-]?[0-9]{{1,3}})?|[+-]?{_WHOLE}/{_WHOLE}"
)
_LEAST = Fraction(1, 10**300)


def exact(value: Level | int, name: str) -> Fraction:
    """Read a number exactly as it was written: "0.29", 0.29 and "29/100" are the same.

    Parameters
    ----------
    value : float, str, int or Fraction
        A number; a float stands for its shortest decimal form.
    name : str
        What the number is, for the error message.

    Raises
    ------
    ValueError
        If the value is not a finite number, or written with more than 40 digits or 3 in the
        exponent.

    Examples
    --------
    >>> int(0.29 * 100), int(exact(0.29, "p") * 100)
    (28, 29)
    >>> exact("3/1000", "level")
    Fraction(3, 1000)
    """
    if isinstance(value, (int, Fraction)) and not isinstance(value, bool):
        return Fraction(value)
    if not isinstance(value, bool) and _NUMBER.fullmatch(text := str(value)):
        with suppress(ZeroDivisionError):
            return Fraction(text)
    raise ValueError(
        f"{name}={shown(value)} is not a finite number; accepted are decimals and fractions such "
        f"as 0.05 and 3/1000, of at most {_DIGITS} digits"
    )


def level(p: Level, name: str = "p") -> Fraction:
    """Read an error level exactly and check that it lies strictly between 0 and 1.

    Examples
    --------
    >>> level("0.05")
    Fraction(1, 20)
    """
    value = exact(p, name)
    if not _LEAST <= value < 1:
        raise ValueError(
            f"{name}={shown(p)} is outside the accepted range 0 < {name} < 1 (from 1e-300 on)"
        )
    return value


def versions(n: int) -> int:
    """Check the number of versions of one image, the published one included."""
    return integer(n, "n", 2, MOST_VERSIONS)


def top_ranks(n: int, p: Fraction) -> int:
    """Return floor(p n), the number of ranks that an exact level-p test may claim.

    Examples
    --------
    >>> top_ranks(100, Fraction(29, 100))
    29
    """
    count = int(p * n)
    if count < 1:
        least = -(-1 // p)
        more = f"n >= {least} or " if least <= MOST_VERSIONS else ""
        raise ValueError(
            f"n={n} versions cannot give a test of level p={float(p):g}: the smallest level is "
            f"1/n = {1 / n:g}; accepted are {more}p >= {1 / n:g}"
        )
    return count
