"""Overrides of the config as they are typed: which Hydra cannot read, and what to type instead."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from taggant.groups import CONF, options_of


def in_any_order(arguments: Sequence[str]) -> list[str]:
    """Arguments with Hydra's flags first, since Hydra reads no flag that follows an override."""
    flags: list[str] = []
    overrides: list[str] = []
    taken = overrides
    for argument in arguments:
        if argument.startswith("-"):
            taken = flags
        elif "=" in argument or argument[:1] in "~+":
            taken = overrides
        taken.append(argument)
    return [*flags, *overrides]


def unreadable(overrides: Sequence[str], sweeps: bool) -> str | None:
    """What is wrong with the first override that Hydra cannot take, and what to type instead.

    Parameters
    ----------
    overrides : sequence of str
        The arguments of the command line.
    sweeps : bool
        Whether several values may be given for a key.

    Returns
    -------
    str or None
        None if there is nothing wrong with how they are written.
    """
    faults = (_fault(one, sweeps) for one in overrides if not one.startswith("-"))
    return next((fault for fault in faults if fault), None)


def quoted(key: str, value: str) -> str:
    """An override of a text, as a shell takes it: ``'data.root="my photos (1)"'``."""
    home = str(Path(value).expanduser()) if value.startswith("~") else value
    text = home.replace('"', '\\"')
    return shlex.quote(f'{key}="{text}"')


def _fault(override: str, sweeps: bool) -> str | None:
    key, equals, value = override.partition("=")
    try:
        parsed = OverridesParser.create().parse_override(override)
        taken = parsed.value()
    except HydraException:
        if not equals:
            return f"{override}: accepted are KEY=VALUE, +KEY=VALUE and ~KEY"
        return f"{key} = {value}: a text with such signs is quoted: {quoted(key, value)}"
    if taken is None and (CONF / key).is_dir():
        without = "; ~logger leaves it out" if key == "logger" else ""
        return f"{key} = {value}: accepted are {', '.join(options_of(key))}{without}"
    if parsed.is_sweep_override() and not sweeps:
        return (
            f"{key} = {value}: several values are a sweep, which -m asks for; one text with such "
            f"signs is quoted: {quoted(key, value)}"
        )
    return None
