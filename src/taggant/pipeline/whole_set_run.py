"""A run that audits a whole set at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import pytorch_lightning as lightning
from hydra.utils import get_class

from taggant.auditing.callback import LiveAudit
from taggant.pipeline.audit_run import AuditRun, check_marking
from taggant.pipeline.context import RunContext
from taggant.pipeline.stages.audit_set import AuditSet, WholeSetAudit
from taggant.pipeline.stages.data import Data
from taggant.pipeline.stages.mark_set import MarkSet
from taggant.store.store import Stage
from taggant.victim.victim import Victim

OF_INSTANCES = {"withhold": 0, "selection": {"_target_": "taggant.marking.selection.Random"}}
"""Marking keys that only audits image by image read, with their defaults."""


class WholeSetRun(AuditRun):
    """Asks one question about all marked images, in place of one about each."""

    mark: MarkSet

    def __init__(self, context: RunContext) -> None:
        audit: type[WholeSetAudit] = get_class(context.cfg.audit._target_)
        data = Data(context)
        super().__init__(context, data, MarkSet(context, data, bool(audit.together)))

    @cached_property
    def audit(self) -> AuditSet:
        """The stage that decides about the set."""
        return AuditSet(self.context, self.data, self.mark, self.train, self.unlearn, self.deploy)

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """See `AuditRun.stages`."""
        return {
            "data": self.data.stage,
            "mark": self.mark.pool,
            "mix": self.mark.stage,
            **self.model_stages,
            "audit": self.audit.stage,
        }

    def check_keys(self) -> None:
        """See `AuditRun.check_keys`."""
        marking = self.context.cfg.marking
        if "pool" not in marking:
            raise ValueError(
                "audit asks about the whole set of marked images, and marking marks none (it has "
                "no marking.pool): accepted is a scheme that marks, such as marking=n_version"
            )
        check_marking(marking, OF_INSTANCES, "audit=controlled, audit=combined, audit=instance")

    def check(self) -> None:
        """See `AuditRun.check`."""
        self.fits()
        marked, used = self.mark.sizes(self.data.splits.train)
        self.audit.method.check_images(used or marked)
        victim = self.train.new_victim()
        self.train.check_batches(victim, len(self.data.splits.train))
        self.unlearn.check_batches(victim.min_batch_size)

    def fits(self) -> None:
        """See `AuditRun.fits`."""
        self.check_keys()
        self.audit.method.check(self.mark.scheme, self.train.victim_class)
        self.check_score(self.audit.score)
        if self.audit.score.choosing:
            raise ValueError(
                "score/view_set: these views are chosen by asking about each raw image, and an "
                "audit of a whole set asks about versions only: choose random or grid"
            )
        if self.context.cfg.reference.count:
            raise ValueError(
                "reference: an audit of a whole set reads no scores less what reference models "
                "say: choose reference=none"
            )
        self.unlearn.check()
        assert self.stages

    def _watchers(self, epochs: Sequence[int]) -> list[lightning.Callback]:
        return [LiveAudit(epochs, self._live)] if self.audit.method.live else []

    def _live(self, _: int, victim: lightning.LightningModule) -> Mapping[str, float]:
        assert isinstance(victim, Victim)
        return self.audit.watch(victim)
