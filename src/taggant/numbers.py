"""Numbers as a reader wants them: short, honest about precision, never `nan`."""

from __future__ import annotations

import math
from collections.abc import Sequence

MISSING = "–"


def known(value: object) -> bool:
    """Whether `value` is a finite number (a bool is not a number here)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def percent(rate: float | None, digits: int = 1) -> str:
    """A rate in 0..1 with a fixed number of decimals: ``0.62`` gives ``62.0%``."""
    return f"{100 * rate:.{digits}f}%" if rate is not None and known(rate) else MISSING


def level(p: float) -> str:
    """An error probability exactly as it was asked for: ``0.05`` gives ``5%``."""
    return f"{100 * p:.8g}%"


def interval(bounds: Sequence[float | None] | None, joined: str = "–", digits: int = 1) -> str:
    """An interval of rates: ``[0.549, 0.687]`` gives ``54.9–68.7%``."""
    if bounds is None or len(bounds) != 2 or not all(known(bound) for bound in bounds):
        return MISSING
    low, high = (percent(bound, digits) for bound in bounds)
    return f"{low[:-1]}{joined}{high}"


def quantity(value: float | None, digits: int = 3) -> str:
    """A number with thousands separators, and about `digits` significant digits below 1000."""
    if value is None or not known(value):
        return MISSING
    if float(value).is_integer():
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def duration(seconds: float | None) -> str:
    """A time span: ``0.21 s``, ``8.4 s``, ``1 min 23 s``, ``2 h 05 min``."""
    if seconds is None or not known(seconds):
        return MISSING
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if seconds < 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes:02d} min"
