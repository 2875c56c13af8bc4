"""The marking and the score that an owner chooses: files of ``conf/``, with her ``--set`` options.

Hydra composes them as it does for ``run.py``. Nothing that the config names is made: it is read by
the schemas of `taggant.owner.components`, which files hold and which build the scheme or the score.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from taggant.cli import explain
from taggant.configs import plain
from taggant.groups import CONF, compose_config
from taggant.owner.commands.parse import parse_choice
from taggant.owner.components.marking import Marking, marking_from_config
from taggant.owner.components.score import ScoreConfig, score_from_config


def compose_marking(strategy: str, n: int, epsilon: int, overrides: Sequence[str] = ()) -> Marking:
    """The n-version scheme with a strategy of ``conf/marking/strategy``.

    Raises
    ------
    ValueError
        For a strategy, a key or a value that is none, or has no effect on that strategy.
    """
    _known("--scheme", strategy, "marking/strategy")
    keys = {"marking.strategy": r"marking\.strategy\.", "marking.marker": r"marking[./]marker\b"}
    _check_keys(overrides, keys, "--scheme, --n and --eps")
    chosen = [f"marking/strategy={strategy}", f"marking.n={n}", f"marking.epsilon={epsilon}"]
    marking = marking_from_config(_section("marking.scheme", [*chosen, *overrides]))
    if marking.marker is None:
        _check_keys(overrides, {"marking.strategy": r"marking\.strategy\."}, f"--scheme {strategy}")
    return marking


def compose_score(score: str, access: str, overrides: Sequence[str] = ()) -> ScoreConfig:
    """A score of ``conf/score`` at an access level of ``conf/score/access`` (empty: its own).

    Raises
    ------
    ValueError
        For a score, an access level, a key or a value that is none.
    """
    _known("--score", score, "score")
    _check_keys(overrides, {"score": r"score\.|score/(augment|view_set)\b"}, "--score and --access")
    if access:
        _known("--access", access, "score/access")
    shown = [f"score/access={access}"] if access else []
    chosen = score_from_config(_section("score", [f"score={score}", *shown, *overrides]))
    idle = [typed for typed in overrides if re.match(r"score[./](augment|view_set)\b", typed)]
    if chosen.views == 1 and idle:
        raise ValueError(
            f"--set {idle[0]}: of one view nothing is augmented or chosen; add score.views=8"
        )
    return chosen


def _known(option: str, name: str, group: str) -> None:
    names = sorted(path.stem for path in (CONF / group).glob("*.yaml") if path.stem != "base")
    parse_choice(option, name, names)


def _check_keys(overrides: Sequence[str], keys: dict[str, str], others: str) -> None:
    """Refuse what is no KEY=VALUE, and keys that are set otherwise or change nothing here."""
    for typed in overrides:
        if not re.match(r"[A-Za-z_][\w./]*=", typed):
            raise ValueError(f"--set {typed}: accepted is KEY=VALUE")
        if not re.match("|".join(keys.values()), typed):
            raise ValueError(
                f"--set {typed}: accepted are keys of {' and '.join(keys)}, with {others}"
            )


def _section(key: str, overrides: Sequence[str]) -> dict[str, object]:
    try:
        return dict(plain(OmegaConf.select(compose_config(overrides), key)))
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(explain(error, overrides)) from None
