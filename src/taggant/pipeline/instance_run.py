"""A run that audits image by image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import pytorch_lightning as lightning

from taggant.auditing.callback import LiveAudit
from taggant.data.options import check_whole
from taggant.pipeline.audit_run import AuditRun, check_data, check_marking
from taggant.pipeline.context import RunContext
from taggant.pipeline.stages.audit import Audit
from taggant.pipeline.stages.data import Data
from taggant.pipeline.stages.mark import Mark
from taggant.pipeline.stages.reference import Reference
from taggant.pipeline.stages.score import Scores
from taggant.store.store import Stage
from taggant.victim.victim import Victim

OF_WHOLE_SETS = {"pool": None, "balanced": True}
"""Marking keys that only audits of a whole set read, with their defaults."""


class InstanceRun(AuditRun):
    """Ranks the published version of each image among its hidden ones."""

    def __init__(self, context: RunContext) -> None:
        data = Data(context)
        super().__init__(context, data, Mark(context, data))
        self.reference = Reference(context, data, self.train)
        model = self.train, self.unlearn, self.audited
        self.scores = Scores(context, self.mark, *model, self.reference)

    @cached_property
    def audit(self) -> Audit:
        """The stage that decides about each image."""
        return Audit(
            self.context, self.data, self.mark, self.train, self.unlearn, self.deploy, self.scores
        )

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """See `AuditRun.stages`."""
        curve = {f"score/epoch-{e}": stage for e, stage in self.scores.curve.items()}
        return {
            "data": self.data.stage,
            "mark": self.mark.stage,
            **self.model_stages,
            **self.references,
            **curve,
            "score": self.scores.final,
            "audit": self.audit.stage,
        }

    @property
    def references(self) -> dict[str, Stage]:
        """The reference models, if any."""
        stages = self.reference.stages
        return {f"reference/{number}": stage for number, stage in enumerate(stages)}

    def check_keys(self) -> None:
        """See `AuditRun.check_keys`."""
        others = "audit=set_rank, audit=rank_sum, audit=twins, audit=radioactive"
        check_marking(self.context.cfg.marking, OF_WHOLE_SETS, others)

    def check(self) -> None:
        """See `AuditRun.check`."""
        self.fits()
        train = self.data.splits.train
        check_data(self.train.victim_class, train)
        victim = self.train.new_victim()
        left_out = int(self.context.cfg.marking.unused)
        self.train.check_batches(victim, len(train) - left_out)
        self.unlearn.check_batches(victim.min_batch_size)

    def fits(self) -> None:
        """See `AuditRun.fits`."""
        self.check_keys()
        for group in ("used", "unused"):
            check_whole(f"marking.{group}", self.context.cfg.marking[group])
        self.check_score(self.scores.score)
        self.unlearn.check()
        both = [self.scores.both_sides] if self.unlearn.forget else []
        assert [self.scores.boundaries, *both, self.stages]

    def _watchers(self, epochs: Sequence[int]) -> list[lightning.Callback]:
        """A callback that audits in training, if `audit.live` asks for it.

        None for a shard, or without a curve.
        """
        audit = self.scores.audit
        wanted = audit.live and audit.shard is None and audit.curve is not None
        return [LiveAudit(epochs, self._audit_live)] if wanted else []

    def _audit_live(self, epoch: int, victim: lightning.LightningModule) -> dict[str, float]:
        assert isinstance(victim, Victim)
        stage = self.scores.at_epoch(epoch, victim)
        self.store.get(stage, needs_ready=True)
        rates = self.audit.rates_at(self.scores.readings(stage))
        return {
            f"{name}/p={p}": row[name]
            for p, row in rates.items()
            for name in ("detection_rate", "false_detection_rate")
            if row[name] is not None
        }
