"""Levels read exactly: 0.29 means 29/100, not the nearest binary fraction."""

from __future__ import annotations

from fractions import Fraction

Level = float | str | Fraction


def exact(value: Level | int, name: str) -> Fraction:
    """Read a decimal number exactly as it was written.

    ``floor(0.29 * 100)`` is 28 in floating point; ``floor(exact(0.29, "p") * 100)`` is 29.

    Parameters
    ----------
    value : float, str, int or Fraction
        A number; a float stands for its shortest decimal form.
    name : str
        What the number is, for the error message.

    Raises
    ------
    ValueError
        If the value is not a finite number.
    """
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{name}={value!r} is not a finite number") from None


def level(p: Level, name: str = "p") -> Fraction:
    """Read an error level exactly and check that it lies strictly between 0 and 1."""
    value = exact(p, name)
    if not 0 < value < 1:
        raise ValueError(f"{name}={p!r} is outside the accepted range 0 < {name} < 1")
    return value


def versions(n: int) -> int:
    """Check the number of versions of one image, the published one included."""
    if int(n) != n or n < 2:
        raise ValueError(f"n={n!r} versions: accepted are integers n >= 2")
    return int(n)


def top_ranks(n: int, p: Fraction) -> int:
    """Return floor(p n), the number of ranks that an exact level-p test may claim."""
    count = int(p * n)
    if count < 1:
        raise ValueError(
            f"n={n} versions cannot give a test of level p={float(p):g}: the smallest level is "
            f"1/n = {1 / n:g}; accepted are n >= {-(-1 // p)} or p >= {1 / n:g}"
        )
    return count
