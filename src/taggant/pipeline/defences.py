"""The defences of a run: what its config names, made when they are needed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from hydra.utils import instantiate

from taggant.defence.defence import Defence

if TYPE_CHECKING:
    from taggant.configs import Plain
    from taggant.data.imageset import ImageSet
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.stages.data import Data


class Defences:
    """The defences of the config, in the order in which they were chosen."""

    def __init__(self, context: RunContext, data: Data) -> None:
        self.context = context
        self.data = data

    @cached_property
    def config(self) -> Plain:
        """Their configs by name."""
        return self.context.config("defence")

    def made(self) -> list[Defence]:
        """Fresh ones, the same at every call."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            found = self._instances()
            for defence in found:
                defence.prepare(self.data.splits.train)
        return found

    @cached_property
    def first(self) -> list[Defence]:
        """They as they are before they have taken anything from the data."""
        return self._instances()

    def _instances(self) -> list[Defence]:
        return [instantiate(node) for node in self.context.cfg.defence.values()]

    @property
    def editing(self) -> dict[str, Plain]:
        """Configs of those that change what is learned, which a training depends on."""
        both = zip(self.config.items(), self.first, strict=True)
        return {name: config for (name, config), defence in both if defence.edits}

    @property
    def seed(self) -> int:
        """Of all that they draw."""
        return self.context.seed("defence")

    def learned(self, train: ImageSet) -> ImageSet:
        """What the victim learns in place of a set."""
        for defence in self.first:
            if defence.edits:
                train = defence.learned(train, self.seed)
        return train
