"""Values of options: what is typed wrong is told by its option, with what is accepted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from taggant.owner.schema import decimal


def parse_decimal(option: str, text: str) -> str:
    """A probability, as it is kept.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        return decimal(text)
    except ValueError as error:
        raise ValueError(f"{option} {error}") from None


def parse_numbers(option: str, text: str, least: float = float("-inf")) -> tuple[float, ...]:
    """Three numbers of a model's input, each above the least.

    Raises
    ------
    ValueError
        If they are not.
    """
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 3 or not all(least < number < float("inf") for number in numbers):
        above = "" if least == float("-inf") else f" above {least:g}"
        raise ValueError(f"{option} {text}: accepted are three numbers{above}, as 0.5,0.5,0.5")
    return numbers


def parse_counts(option: str, text: str) -> tuple[int, ...]:
    """Numbers from 1 on, between commas.

    Raises
    ------
    ValueError
        If one is none.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[1-9][0-9]{0,5}", part) for part in parts):
        raise ValueError(f"{option} {text}: accepted are numbers from 1 on, as 1,3")
    return tuple(map(int, parts))


def parse_choice(option: str, name: str, names: Collection[str]) -> str:
    """One of several names.

    Raises
    ------
    ValueError
        If it is none.
    """
    if name not in names:
        near = difflib.get_close_matches(name, list(names), n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"{option} {name}: accepted are {', '.join(names)}{hint}")
    return name


def parse_names(option: str, text: str) -> tuple[str, ...]:
    """Names between commas.

    Raises
    ------
    ValueError
        If one is there twice.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{option} {text}: accepted are different names, {twice} is there twice")
    return names
