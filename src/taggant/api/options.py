"""Parts by the names that they have in ``conf/``: strategies, scores, access levels, tests."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from typing import Any

from hydra.utils import instantiate

from taggant.data.options import check_choice
from taggant.groups import compose_config, options_of
from taggant.marking.ledger import differing
from taggant.marking.n_version import NVersion
from taggant.marking.scheme import Parameters, Strategy
from taggant.score import Score
from taggant.stats import Boundary

Test = Callable[..., Boundary]
MARKER = "efficientnet_lite0"
"""File of ``conf/marking/marker``: what strategies that are named look through."""


def scheme_of(strategy: str | Strategy, n: int, epsilon: int) -> NVersion:
    """n versions by a strategy, or by one of ``conf/marking/strategy``.

    Those that look through a network look through EfficientNet-Lite0, whose weights come with the
    extra ``marker``.

    Raises
    ------
    ValueError
        For an unknown name.
    FileNotFoundError
        If the extra is not installed.
    """
    if not isinstance(strategy, str):
        return NVersion(n, epsilon, strategy)
    check_choice("strategy", strategy, options_of("marking/strategy"))
    scheme = NVersion(n, epsilon, _strategy(strategy))
    try:
        scheme.parameters()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"strategy = {strategy}: it looks through a network; {error}; or give an object of "
            f"taggant.marking.strategies.{strategy}, with a network of your own as its marker"
        ) from error
    return scheme


def as_drawn(scheme: NVersion, told: Parameters) -> NVersion:
    """The scheme of a named strategy as it was when a ledger was drawn.

    What the configs say may have changed since. A parameter that a ledger leaves out had its
    class's default, since it came later.

    Parameters
    ----------
    scheme : NVersion
        As it is named today.
    told : mapping
        The ledger's parameters.
    """
    strategy: Any = scheme.strategy
    differ = differing(scheme.parameters(), told).keys() - {"marker"}
    if not differ:
        return scheme
    if hasattr(strategy, "marker"):
        strategy = replace(strategy, marker=_restored(strategy.marker, told, differ))
    return replace(scheme, strategy=_restored(strategy, told, differ))


def _restored(made: Any, told: Parameters, differ: Collection[str]) -> Any:
    """With what differs as it was told; `Ledger.check` refuses what cannot be restored."""
    if not is_dataclass(type(made)):
        return made
    known = {each.name: each.default for each in fields(made) if each.init}
    was = {key: told.get(key, known[key]) for key in differ if key in known}
    return replace(made, **{key: value for key, value in was.items() if value is not MISSING})


def check_channels(scheme: NVersion, strategy: str | Strategy, channels: int) -> None:
    """Refuse images that the network of a named strategy cannot look at.

    Raises
    ------
    ValueError
    """
    if isinstance(strategy, str) and hasattr(scheme.strategy, "marker") and channels != 3:
        raise ValueError(
            f"strategy = {strategy}: it looks through a network of colour images, C = 3; images "
            f"have C = {channels}"
        )


@cache
def _strategy(name: str) -> Strategy:
    chosen = compose_config([f"marking/strategy={name}", f"marking/marker={MARKER}"])
    made: Strategy = instantiate(chosen.marking.strategy)
    return made


def score_of(score: str | Score, access: str | None, views: int | None) -> Score:
    """A score, or one of ``conf/score`` with so many views, at a level of ``conf/score/access``.

    Raises
    ------
    ValueError
        For an unknown name, for parts that do not fit each other, or for `access` or `views`
        beside a score that has its own.
    """
    if not isinstance(score, str):
        for name, value in (("access", access), ("views", views)):
            if value is not None:
                raise ValueError(f"{name} = {value}: a Score that is given has its own")
        return score
    check_choice("score", score, options_of("score"))
    if access is not None:
        check_choice("access", access, options_of("score/access"))
    return _score(score, access, views)


@cache
def _score(name: str, access: str | None, views: int | None) -> Score:
    chosen = [] if access is None else [f"score/access={access}"]
    chosen += [] if views is None else [f"score.views={views}"]
    made: Score = instantiate(compose_config([f"score={name}", *chosen]).score)
    return made


def test_of(test: str | Test) -> Test:
    """A test of one image, (n=, p=) -> Boundary, or one of ``conf/audit/test``.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if not isinstance(test, str):
        return test
    check_choice("test", test, options_of("audit/test"))
    made: Test = _made(f"audit/test/{test}", "audit.test")
    return made


def name_of(part: object) -> str:
    """A part as it was named, or its kind."""
    return part if isinstance(part, str) else getattr(part, "__name__", type(part).__name__)


@cache
def _made(root: str, key: str) -> Any:
    config: Any = compose_config(root=root)
    for part in key.split("."):
        config = config[part]
    return instantiate(config)
