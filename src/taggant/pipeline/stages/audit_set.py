"""Audit of a whole set: its evidence in the final model and in each snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
import polars as pl
from hydra.utils import instantiate
from numpy.typing import NDArray
from torch import Tensor

from taggant.auditing.whole_set.case import Evidence, SetCase
from taggant.marking.draws import VIEWS
from taggant.marking.ledger import WHOLE_SET
from taggant.pipeline.device import placed
from taggant.pipeline.samples import save_samples
from taggant.pipeline.scores import score_config, score_of
from taggant.pipeline.tables import save_table
from taggant.score import Oracle, Score
from taggant.store.identity import sources
from taggant.store.store import Stage

if TYPE_CHECKING:
    from taggant.marking.scheme import Scheme
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.stages.data import Data
    from taggant.pipeline.stages.deploy import Deploy, Model
    from taggant.pipeline.stages.mark_set import MarkSet
    from taggant.pipeline.stages.train import Train
    from taggant.pipeline.stages.unlearn import Unlearn
    from taggant.victim.victim import Victim

NO_RESULT = ("batch_size", "live")


class WholeSetAudit(Protocol):
    """What audits of a whole set are made of; their config holds its own parameters besides.

    Attributes
    ----------
    kind : str
        ``whole_set``.
    together : bool
        Whether all images share one published index.
    batch_size : int
        Images per forward.
    live : bool
        Whether `watch` is asked after each snapshot's epoch, in training.
    """

    kind: ClassVar[str]
    together: ClassVar[bool]

    @property
    def batch_size(self) -> int: ...

    @property
    def live(self) -> bool: ...

    def check(self, scheme: Scheme, kind: type[Victim]) -> None:
        """Refuse marks, or a class of victims, that this audit cannot read, by a ValueError."""

    def check_images(self, images: int) -> None:
        """Refuse so few marked images to ask about that nothing could be claimed."""

    def watch(self, case: SetCase) -> Mapping[str, float]:
        """What is cheap enough to follow in training, by name."""
        ...

    def __call__(self, case: SetCase) -> Evidence:
        """All that the audit finds."""
        ...


class AuditSet:
    """Runs the audit of the config on the final model and on each snapshot."""

    def __init__(
        self,
        context: RunContext,
        data: Data,
        mark: MarkSet,
        train: Train,
        unlearn: Unlearn,
        deploy: Deploy | None,
    ) -> None:
        self.context = context
        self.data = data
        self.mark = mark
        self.train = train
        self.unlearn = unlearn
        self.deploy = deploy
        self.asked = deploy or unlearn

    @cached_property
    def method(self) -> WholeSetAudit:
        """The audit that is asked for."""
        method: WholeSetAudit = instantiate(self.context.cfg.audit)
        return method

    @cached_property
    def score(self) -> Score:
        """The score of each answer, for the audit's black box."""
        return score_of(self.context.cfg.score, self.mark.stage.digest)

    @cached_property
    def stage(self) -> Stage:
        """Depends on the audit's parameters; not on batches or live auditing."""
        audit, score = self.context.config("audit"), score_config(self.context.cfg.score)
        identity = {
            "config": {key: value for key, value in audit.items() if key not in NO_RESULT},
            "score": score,
            "sources": sources([audit, score], type(self)),
        }
        needs = (self.mark.stage, self.train.stage, self.asked.stage)
        return Stage("audit", identity, self._compute, needs=needs)

    def case(self, model: Model) -> SetCase:
        """What the audit is given: a model, and all that the owner has."""
        victim, device = placed(model, str(self.context.cfg.trainer.accelerator))
        owner = self.mark.instances
        common = owner.ledger.draws(WHOLE_SET).seed(VIEWS)
        oracle = Oracle(victim, self.score.access, self.method.batch_size, device)
        score = self.score.prepared(victim, self.data.splits.test)

        def ask(images: Tensor, labels: Tensor) -> NDArray[np.float32]:
            views = score.draw_views([common] * len(images))
            return score.of_many(oracle, images, labels, views)

        return SetCase(
            victim=victim,
            scheme=owner.scheme,
            ledger=owner.ledger,
            raw=owner.raw,
            published=owner.published,
            used=int(self.mark.published.used.sum()),
            held_out=self.data.splits.test,
            candidates=self.mark.candidates,
            score=ask,
        )

    def watch(self, model: Model) -> Mapping[str, float]:
        """What is followed during training."""
        return self.method.watch(self.case(model))

    def _compute(self, folder: Path) -> None:
        found = self.method(self.case(self.asked.final()))
        for name, table in found.tables.items():
            save_table(table, folder / f"{name}.parquet")
        save_table(self._curves(), folder / "log10_p.csv")
        metrics = {**found.metrics, **self._facts()}
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=1))
        save_samples(folder, self.mark.instances.raw.images, self.mark.marked.images)

    def _curves(self) -> pl.DataFrame:
        history = {row["epoch"]: row for row in self.train.history}
        rows = []
        for epoch in self.train.snapshots:
            known = {name: history[epoch][name] for name in ("train_loss", "utility")}
            rows.append({"epoch": epoch, **self.watch(self.train.at_epoch(epoch)), **known})
        return pl.DataFrame(rows)

    def _facts(self) -> dict[str, object]:
        """Metrics beside the p-values: utility, loss, marks, numbers of images."""
        train, used = len(self.mark.training_set), int(self.mark.published.used.sum())
        last = self.train.history[-1]
        return {
            "utility": last["utility"],
            "utility_baseline": self.data.baseline,
            "train_loss": last["train_loss"],
            **self.mark.quality,
            "sets": self.mark.scheme.n,
            "classes": len(self.data.splits.train.class_names),
            "marked_images": used,
            "train_images": train,
            "test_images": len(self.data.splits.test),
            "marked_fraction": used / train,
            **self.unlearn.facts,
            **(self.deploy.facts if self.deploy else {}),
        }
