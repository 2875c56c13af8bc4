"""One text for one value, to be hashed."""

from __future__ import annotations

import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """The one JSON text of plain values: keys in order, no spaces, ASCII.

    Raises
    ------
    ValueError
        For a number that is none, or infinite, which JSON has not.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
