"""Reference: models that the owner trains like the victim, on raw images."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from hydra.utils import instantiate
from numpy.typing import NDArray

from taggant.data.assemble import draw_keys
from taggant.data.beyond import beyond
from taggant.pipeline.stages.train import precision
from taggant.pipeline.weights import by_content
from taggant.store.identity import sources
from taggant.store.store import Stage
from taggant.victim import training

if TYPE_CHECKING:
    from taggant.data.imageset import ImageSet
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.stages.data import Data
    from taggant.pipeline.stages.train import Train
    from taggant.score.reference import References
    from taggant.victim.victim import Victim

PUBLIC = "reference.public"


class Reference:
    """The reference models of a run; they know neither marks nor what was published."""

    def __init__(self, context: RunContext, data: Data, train: Train) -> None:
        self.context = context
        self.data = data
        self.train = train
        self.asked: References = instantiate(context.cfg.reference)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """A stage for each model."""
        return tuple(self._stage(number) for number in range(self.asked.count))

    def inside(self, ids: tuple[str, ...]) -> NDArray[np.bool_]:
        """Which images each model learns from, [models, images]: every image is in half of them."""
        rows = self.data.splits.train.rows_of(ids)
        return np.stack([self._half(number)[rows] for number in range(self.asked.count)])

    def model(self, number: int) -> Victim:
        """A trained reference model."""
        folder = self.context.store.get(self.stages[number]).path
        return self.train.load(folder / training.FINAL)

    def _half(self, number: int) -> NDArray[np.bool_]:
        count = len(self.data.splits.train)
        if not self.asked.known:
            return np.zeros(count, bool)
        keys = draw_keys(self._seed, f"reference/{number // 2}", count)
        first = np.argsort(np.argsort(keys)) < count / 2
        return np.asarray(first if number % 2 == 0 else ~first)

    @property
    def _seed(self) -> int:
        return int(self.context.config("data").get("seed", 0))

    def _stage(self, number: int) -> Stage:
        victim, trainer = self.context.config("victim"), self.context.config("trainer")
        identity = {
            "config": by_content(victim),
            "precision": precision(trainer),
            "number": number,
            "public": self.asked.public,
            "known": self.asked.known,
            "seed": self._seed,
            "sources": sources(victim, type(self)),
        }

        def compute(folder: Path) -> None:
            images = self._images(number)
            seed = int(draw_keys(self._seed, f"reference/train/{number}", 1)[0] >> np.uint64(12))
            self.train.fit(images, folder, seed=seed)

        needs = (self.data.stage,)
        return Stage("reference", identity, compute, resumable=True, needs=needs)

    def _images(self, number: int) -> ImageSet:
        train = self.data.splits.train
        own = train.select(np.flatnonzero(self._half(number)))
        if not self.asked.public:
            return own
        more = beyond(self.context.cfg.data, self.asked.public, PUBLIC)
        return _joined(own, more) if len(own) else replace(more, mean=train.mean, std=train.std)


def _joined(first: ImageSet, second: ImageSet) -> ImageSet:
    """Both sets' images, described as the first's."""
    labels = captions = None
    if first.labels is not None and second.labels is not None:
        labels = torch.cat([first.labels, second.labels])
    if first.captions is not None and second.captions is not None:
        captions = (*first.captions, *second.captions)
    images, ids = torch.cat([first.images, second.images]), (*first.ids, *second.ids)
    return replace(first, images=images, ids=ids, labels=labels, captions=captions)
