"""What a composed config may hold, checked before anything is computed."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import PurePath

from hydra.utils import get_object
from omegaconf import DictConfig, ListConfig, OmegaConf

from taggant.data.options import check_whole, typed
from taggant.groups import options_of

PARTS = {
    **dict.fromkeys(("data", "victim", "unlearning", "score", "reference"), "_target_"),
    **dict.fromkeys(("audit", "trainer"), "_target_"),
    "marking": "scheme",
    "paths": "store",
}
"""Config groups that every run needs, and a key that each has unless it was left out."""
SWITCHES = ("plan", "progress")
OF_THE_DATA = "follows from the data"
SET: Mapping[str, Mapping[str, str]] = {
    "trainer": {
        **dict.fromkeys(("max_epochs", "min_epochs", "max_steps", "min_steps"), "victim.epochs"),
        **dict.fromkeys(("max_time", "fast_dev_run"), "victim.epochs"),
        **dict.fromkeys(("limit_train_batches", "overfit_batches"), "data.train"),
        "logger": "logger (logger=tensorboard)",
        "enable_progress_bar": "progress",
        "default_root_dir": "paths.root",
    },
    "victim": dict.fromkeys(("classes", "channels", "image_size", "mean", "std"), OF_THE_DATA),
    "victim.net": {
        **dict.fromkeys(("classes", "channels", "image_size"), OF_THE_DATA),
        "width": "victim.width",
    },
    "audit.test": {"n": "marking.n", "pairs": "audit.images", "p": "audit.p"},
}
"""Arguments that a run sets itself, by their node, and what to set in their place."""
TRAINER = (
    "accelerator",
    "devices",
    "num_nodes",
    "strategy",
    "precision",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "accumulate_grad_batches",
    "deterministic",
    "benchmark",
    "detect_anomaly",
    "sync_batchnorm",
)
"""The arguments of Lightning's Trainer that have an effect and that no run sets itself."""
KINDS: Mapping[str, tuple[type, str]] = {
    "bool": (bool, "true and false"),
    "int": (Integral, "whole numbers"),
    "float": (Real, "numbers"),
    "str": (str, "names"),
    "None": (type(None), "null"),
}
REFERENCE = re.compile(r"\$\{(\.*)([\w.]+)\}")
HYDRAS = re.compile("_[a-z]+_")


def check(cfg: DictConfig) -> None:
    """Refuse a config that names unknown keys, or values of another kind than their code takes.

    Parameters
    ----------
    cfg : DictConfig
        The composed config.

    Raises
    ------
    ValueError
        Naming the key as it is typed, the value and what is accepted.
    """
    for part, heart in PARTS.items():
        if heart not in (cfg.get(part) or {}):
            names = ", ".join(options_of(part))
            raise ValueError(f"{part} is left out, and every run needs it. Accepted: {names}")
    check_whole("seed", cfg.seed, least=0)
    check_whole("threads", cfg.threads, optional=True)
    for switch in SWITCHES:
        _check_kind(switch, cfg[switch], "bool")
    _check_name(cfg.name)
    for key, node in _nodes(cfg):
        _check_node(cfg, key, node)


def _check_name(name: object) -> None:
    parts = PurePath(name).parts if isinstance(name, str) else ()
    if not parts or not set(parts).isdisjoint(("..", "/")):
        raise ValueError(f"name = {typed(name)}: accepted are names of a folder, such as mine")


def _nodes(node: DictConfig, key: str = "") -> Iterator[tuple[str, DictConfig]]:
    """Every node with a ``_target_``, by its key; a node that refers to another is left out."""
    for name in _names(node) if key else PARTS:
        if OmegaConf.is_missing(node, name) or OmegaConf.is_interpolation(node, name):
            continue
        child = node[name]
        if isinstance(child, DictConfig):
            inner = f"{key}.{name}" if key else name
            if "_target_" in child:
                yield inner, child
            yield from _nodes(child, inner)


def _names(node: DictConfig) -> list[str]:
    return [str(name) for name in node]


def _check_node(cfg: DictConfig, key: str, node: DictConfig) -> None:
    try:
        target = get_object(node._target_)
    except (ImportError, ValueError) as error:
        raise ValueError(f"{key}._target_ = {node._target_}: {error}") from None
    taken = _parameters(target)
    given = [name for name in _names(node) if not HYDRAS.fullmatch(name)]
    if taken is None:
        return
    accepted = [name for name in taken if name not in SET.get(key, {})]
    _check_keys(key, given, list(TRAINER) if key == "trainer" else accepted)
    for name in given:
        if key != "data" and not OmegaConf.is_missing(node, name):  # loaders check their own
            _check_kind(_source(cfg, f"{key}.{name}"), node[name], taken[name].annotation)
    for name in accepted:
        if (
            taken[name].default is taken[name].empty
            and name not in given
            and "_partial_" not in node
        ):
            raise ValueError(f"{key}.{name} is left out, and {target.__name__} needs it")


def _check_keys(key: str, given: Sequence[str], accepted: Sequence[str]) -> None:
    """Refuse arguments that the target does not take, and those that the run sets itself."""
    ours = SET.get(key, {})
    for name in given:
        if name in ours:
            works = ours[name]
            instead = f"it {works}" if works == OF_THE_DATA else f"use {works}"
            raise ValueError(f"{key}.{name} is set by the run itself: {instead}")
        if name not in accepted:
            near = difflib.get_close_matches(name, accepted, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise ValueError(
                f"no key '{key}.{name}'.{hint} Accepted in '{key}': {', '.join(sorted(accepted))}"
            )


def _parameters(target: Callable[..., object]) -> dict[str, inspect.Parameter] | None:
    """The parameters of a function or class by name; None if it accepts any name.

    Where a class passes ``**kwargs`` to its base, the base's parameters count too, as optional
    ones: the class may supply them itself.
    """
    kinds = inspect.getmro(target) if inspect.isclass(target) else ()
    makers = [vars(kind)["__init__"] for kind in kinds if "__init__" in vars(kind)] or [target]
    found: dict[str, inspect.Parameter] = {}
    for maker in makers:
        parameters = list(inspect.signature(maker).parameters.values())
        for one in parameters:
            if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) and one.name != "self":
                found.setdefault(one.name, one if maker is makers[0] else one.replace(default=None))
        if not any(one.kind == one.VAR_KEYWORD for one in parameters):
            return found
    return None


def _check_kind(key: str, value: object, annotation: object) -> None:
    """Refuse a value that does not fit its annotation, where that consists of `KINDS` alone."""
    if isinstance(value, DictConfig) or not isinstance(annotation, str):
        return
    asked = re.split(r"\s*\|\s*(?![^\[]*\])", annotation)
    if all(_plain(kind) for kind in asked) and not any(_is(value, kind) for kind in asked):
        accepted = ", or ".join(dict.fromkeys(_named(kind) for kind in asked))
        whole = isinstance(value, float) and value.is_integer() and "int" in asked
        more = f" ({key}={value:.0f})" if whole else ""
        raise ValueError(f"{key} = {typed(value)}: accepted are {accepted}{more}")


def _plain(kind: str) -> bool:
    return _inner(kind) in KINDS


def _inner(kind: str) -> str:
    return kind.removeprefix("Sequence[").removesuffix("]")


def _is(value: object, kind: str) -> bool:
    if kind.startswith("Sequence["):
        return isinstance(value, ListConfig) and all(_is(one, _inner(kind)) for one in value)
    if kind == "str":  # a name may look like a number
        return isinstance(value, (str, int, float))
    wanted = KINDS[kind][0]
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


def _named(kind: str) -> str:
    name = KINDS[_inner(kind)][1]
    return f"lists of {name}" if kind.startswith("Sequence[") else name


def _source(cfg: DictConfig, key: str) -> str:
    """The key whose value a key refers to by ``${...}``; the key itself if it does not refer."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent)
    raw = OmegaConf.to_container(node, resolve=False)
    assert isinstance(raw, dict)
    reference = REFERENCE.fullmatch(raw[name]) if isinstance(raw.get(name), str) else None
    if reference is None:
        return key
    up, path = len(reference[1]), reference[2]
    above = key.split(".")[:-up] if up else []
    return _source(cfg, ".".join([*above, path]))
