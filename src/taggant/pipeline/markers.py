"""Marker networks that a run trains itself: each is a stage, on which the stages using it rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate

from taggant.configs import plain
from taggant.marking.marker import Backbone
from taggant.marking.trained import TARGET, Training
from taggant.pipeline.weights import by_content
from taggant.store.store import Stage

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from taggant.configs import Plain
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.stages.data import Data

OPTIONAL = ("_target_", "_partial_", "_recursive_", "store")


class Markers:
    """The marker networks named anywhere in a config."""

    def __init__(self, context: RunContext, data: Data) -> None:
        self.context = context
        self.data = data

    def apart(self, config: Plain) -> tuple[Plain, tuple[Stage, ...]]:
        """A config in which "a stage" stands for each trained marker, and the markers' stages.

        Of other weights on this machine, too, the content counts and not the path.
        """
        left, stages = self._apart(config)
        return by_content(left), stages

    def _apart(self, config: Plain) -> tuple[Plain, tuple[Stage, ...]]:
        stages: list[Stage] = []

        def left_out(node: Plain) -> str:
            stages.append(self._stage(_training(node)))
            return "a stage"

        left = _replaced(config, left_out)
        assert isinstance(left, dict)
        return left, tuple(stages)

    def instantiate(self, config: DictConfig, **arguments: object) -> Any:
        """Instantiate a config; its trained markers are loaded from the store at first use."""
        values = plain(config)
        if not self._apart(values)[1]:
            return instantiate(config, **arguments)
        return instantiate(_replaced(values, self._loader), **arguments)

    def _loader(self, node: Plain) -> Callable[[], Backbone]:
        return partial(self._load, _training(node))

    def _load(self, training: Training) -> Backbone:
        return training.load(self.context.store.get(self._stage(training)).path)

    def _stage(self, training: Training) -> Stage:
        same = training.exclude == self.context.config("data")
        return training.stage(self.data.stage if same else None)


def _training(node: Plain) -> Training:
    return Training(**{key: value for key, value in node.items() if key not in OPTIONAL})


def _replaced(config: object, marker: Callable[[Plain], object]) -> object:
    """Plain values with every trained marker's config replaced by what `marker` makes of it."""
    if isinstance(config, Mapping):
        if config.get("_target_") == TARGET:
            return marker(config)
        return {key: _replaced(value, marker) for key, value in config.items()}
    if isinstance(config, list):
        return [_replaced(value, marker) for value in config]
    return config
