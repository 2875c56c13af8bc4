"""Checks of what a person may set, with messages that name the key, the value and what would do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path


def check_whole(key: str, value: object, least: int = 1, optional: bool = False) -> None:
    """Refuse what is no whole number of at least `least`.

    Parameters
    ----------
    key : str
        As it is typed: ``data.size``.
    value : object
    least : int
    optional : bool
        Whether None is accepted.

    Raises
    ------
    ValueError
    """
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        also = " or null for all" if optional else ""
        raise ValueError(
            f"{key} = {typed(value)}: accepted are {least}, {least + 1}, {least + 2}, ...{also}"
        )


def check_share(key: str, value: object) -> None:
    """Refuse what is no number between 0 and 1, both excluded.

    Raises
    ------
    ValueError
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < 1:
        raise ValueError(f"{key} = {typed(value)}: accepted are numbers in (0, 1)")


def check_choice(key: str, value: object, accepted: Sequence[str]) -> None:
    """Refuse what is none of some names.

    Raises
    ------
    ValueError
    """
    if value not in accepted:
        raise ValueError(f"{key} = {typed(value)}: accepted are {', '.join(accepted)}")


def existing(key: str, root: object, expected: str) -> Path:
    """A folder that is there; ``~`` is the home folder.

    Raises
    ------
    FileNotFoundError
        If it is not, with what is `expected` in it.
    """
    folder = Path(root).expanduser() if isinstance(root, (str, Path)) and str(root) else None
    if folder is None or not folder.is_dir():
        found = "nothing" if folder is None or not folder.exists() else "a file"
        raise FileNotFoundError(
            f"{key} = {typed(root)}: found {found}, a folder is needed; {expected}"
        )
    return folder


def some(names: Sequence[str], shown: int = 10) -> list[str]:
    """The first of many names, and how many more there are."""
    more = len(names) - shown
    return [*names[:shown], *([f"and {more} more"] if more > 0 else [])]


def typed(value: object) -> str:
    """A value as it is written on the command line."""
    return json.dumps(value) if value is None or isinstance(value, bool) else f"{value}"
