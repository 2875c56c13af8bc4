"""Data: train and test images, and what nearest neighbours reach on them."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import get_method, instantiate

from taggant.data.baseline import knn_accuracy
from taggant.data.imageset import ImageSet, Splits
from taggant.store.identity import sources
from taggant.store.store import Stage

if TYPE_CHECKING:
    from taggant.pipeline.context import RunContext

BASELINE = "baseline.json"


class Data:
    """The images of a run."""

    def __init__(self, context: RunContext) -> None:
        self.context = context

    @cached_property
    def stage(self) -> Stage:
        """Depends on the options and on the files' content, not on where they lie."""
        config = self.context.config("data")
        arguments = {key: value for key, value in config.items() if key != "_target_"}
        module = config["_target_"].rpartition(".")[0]
        identity = {
            "config": {key: value for key, value in config.items() if key != "root"},
            "content": get_method(f"{module}.fingerprint")(**arguments),
            "sources": sources(config, type(self)),
        }
        return Stage("data", identity, self._compute)

    def _compute(self, folder: Path) -> None:
        splits: Splits = instantiate(self.context.cfg.data)
        for part in ("train", "test"):
            (folder / part).mkdir(exist_ok=True)
            getattr(splits, part).save(folder / part)
        labelled = splits.train.labels is not None
        baseline = knn_accuracy(splits.train, splits.test) if labelled else None
        (folder / BASELINE).write_text(json.dumps({"knn_accuracy": baseline}))

    @cached_property
    def splits(self) -> Splits:
        """Train and test images."""
        path = self.context.store.get(self.stage).path
        return Splits(ImageSet.load(path / "train"), ImageSet.load(path / "test"))

    @property
    def baseline(self) -> float | None:
        """Accuracy (0..1) of nearest neighbours; None for images without labels."""
        path = self.context.store.get(self.stage).path / BASELINE
        accuracy: float | None = json.loads(path.read_text())["knn_accuracy"]
        return accuracy
