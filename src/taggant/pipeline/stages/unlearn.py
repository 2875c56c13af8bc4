"""Unlearn: the victim after unlearning."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from taggant.pipeline.digest import sources
from taggant.pipeline.setting import Setting
from taggant.pipeline.stages.train import Train
from taggant.pipeline.store import Stage
from taggant.victim import training

CODE = (__name__,)


class Unlearn:
    """The model that is audited."""

    def __init__(self, setting: Setting, train: Train) -> None:
        self.setting = setting
        self.train = train

    @cached_property
    def stage(self) -> Stage:
        """Depends on the method and on the victim."""
        config = self.setting.config("unlearning")
        identity = {"config": config, "sources": sources(config, CODE)}
        return Stage("unlearn", identity, self._compute, needs=(self.train.stage,))

    def _compute(self, folder: Path) -> None:
        method = instantiate(self.setting.cfg.unlearning)
        training.save_weights(method(self.train.final()), folder / training.FINAL)

    def final(self) -> Any:
        """The victim after unlearning."""
        return self.train.load(self.setting.store.get(self.stage).path / training.FINAL)
