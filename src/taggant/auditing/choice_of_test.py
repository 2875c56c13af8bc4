"""Which sequential tests (``audit/test``) suit which audit."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from taggant.stats import Boundary

Test = Callable[..., Boundary]

READ = {
    "n": "n versions of one image (audit=instance)",
    "pairs": "pairs of twins (audit=twins)",
}
"""What a test reads, by the name of its first argument."""


def check_takes(test: Test, argument: str) -> None:
    """Refuse a test that reads something else.

    Parameters
    ----------
    test : callable
        As configured.
    argument : {"n", "pairs"}
        What the audit gives it beside p.

    Raises
    ------
    ValueError
        With the name of the test, and what it is made for.
    """
    taken = inspect.signature(test).parameters
    anything = any(one.kind is one.VAR_KEYWORD for one in taken.values())
    if argument in taken or anything:
        return
    name = getattr(getattr(test, "func", test), "__name__", str(test))
    other = next((READ[one] for one in READ if one in taken), "something else")
    raise ValueError(
        f"audit/test = {name}: this test reads {other}; accepted here are tests that read "
        f"{READ[argument]}"
    )
