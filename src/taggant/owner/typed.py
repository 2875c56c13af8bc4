"""What the owner types goes through hydra; what is kept of it are short names.

A name that is typed with ``--set`` is her own, yet nothing is made of the composed config: it is
read by the schemas of `taggant.owner.components`, and these build the score or the scheme.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from taggant.cli import explain
from taggant.configs import plain
from taggant.groups import CONF, compose_config
from taggant.owner.components.marking import Marking, marking_from_config
from taggant.owner.components.score import ScoreConfig, score_from_config
from taggant.owner.schema import decimal


def configured(*overrides: str) -> Any:
    """A config as ``run.py`` composes it, with these overrides."""
    return compose_config(overrides)


def typed_marking(strategy: str, n: int, epsilon: int, overrides: Sequence[str] = ()) -> Marking:
    """The n-version scheme with a strategy of ``conf/marking/strategy``.

    Raises
    ------
    ValueError
        For a strategy, a key or a value that is none, or has no effect on that strategy.
    """
    _known("--scheme", strategy, "marking/strategy")
    keys = {"marking.strategy": r"marking\.strategy\.", "marking.marker": r"marking[./]marker\b"}
    _set_apart(overrides, keys, "--scheme, --n and --eps")
    chosen = [f"marking/strategy={strategy}", f"marking.n={n}", f"marking.epsilon={epsilon}"]
    form = marking_from_config(_part("marking.scheme", [*chosen, *overrides]))
    if form.marker is None:
        _set_apart(overrides, {"marking.strategy": r"marking\.strategy\."}, f"--scheme {strategy}")
    return form


def typed_score(score: str, access: str, overrides: Sequence[str] = ()) -> ScoreConfig:
    """A score of ``conf/score`` at an access level of ``conf/score/access`` (empty: its own).

    Raises
    ------
    ValueError
        For a score, an access level, a key or a value that is none.
    """
    _known("--score", score, "score")
    _set_apart(overrides, {"score": r"score\.|score/(augment|view_set)\b"}, "--score and --access")
    if access:
        _known("--access", access, "score/access")
    shown = [f"score/access={access}"] if access else []
    form = score_from_config(_part("score", [f"score={score}", *shown, *overrides]))
    idle = [typed for typed in overrides if re.match(r"score[./](augment|view_set)\b", typed)]
    if form.views == 1 and idle:
        raise ValueError(
            f"--set {idle[0]}: of one view nothing is augmented or chosen; add score.views=8"
        )
    return form


def typed_decimal(option: str, text: str) -> str:
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


def typed_numbers(option: str, text: str, least: float = float("-inf")) -> tuple[float, ...]:
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


def typed_choice(option: str, name: str, names: Sequence[str]) -> str:
    """One of several names.

    Raises
    ------
    ValueError
        If it is none.
    """
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"{option} {name}: accepted are {', '.join(names)}{hint}")
    return name


def _known(option: str, name: str, group: str) -> None:
    names = sorted(path.stem for path in (CONF / group).glob("*.yaml") if path.stem != "base")
    typed_choice(option, name, names)


def _set_apart(overrides: Sequence[str], keys: dict[str, str], others: str) -> None:
    """Refuse what is no KEY=VALUE, and keys that are set otherwise or change nothing here."""
    for typed in overrides:
        if not re.match(r"[A-Za-z_][\w./]*=", typed):
            raise ValueError(f"--set {typed}: accepted is KEY=VALUE")
        if not re.match("|".join(keys.values()), typed):
            raise ValueError(
                f"--set {typed}: accepted are keys of {' and '.join(keys)}, with {others}"
            )


def _part(key: str, overrides: Sequence[str]) -> dict[str, Any]:
    try:
        return dict(plain(OmegaConf.select(configured(*overrides), key)))
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(explain(error, overrides)) from None
