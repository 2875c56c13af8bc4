"""Records of a run as flat names and plain values, for tables and loggers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from taggant.configs import Plain


def flat(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Leaves of nested config by dotted name; lists as their text."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, leaf(value)


def flat_metrics(metrics: Plain) -> Iterator[tuple[str, object]]:
    """Metrics by name, the ends of an interval ``x_ci`` as ``x_low`` and ``x_high``.

    Raises
    ------
    ValueError
        For an interval that is none.
    """
    for name, value in metrics.items():
        if not name.endswith("_ci"):
            yield name, leaf(value)
            continue
        if value is not None and not (isinstance(value, list) and len(value) == 2):
            raise ValueError(f"{name} = {value!r} is no interval")
        low, high = value or (None, None)
        yield f"{name.removesuffix('_ci')}_low", low
        yield f"{name.removesuffix('_ci')}_high", high


def leaf(value: object) -> object:
    """A list or mapping as its text, any other value as it is."""
    return json.dumps(value) if isinstance(value, (list, dict)) else value
