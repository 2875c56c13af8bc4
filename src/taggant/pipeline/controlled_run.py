"""A run with controlled publication."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import pytorch_lightning as lightning

from taggant.auditing.controlled import ControlledAudit
from taggant.auditing.readings import ALL
from taggant.pipeline.audit_run import check_data
from taggant.pipeline.context import RunContext
from taggant.pipeline.instance_run import InstanceRun
from taggant.pipeline.stages.audit_controlled import AuditControlled
from taggant.pipeline.stages.membership import Membership
from taggant.store.store import Stage


class ControlledRun(InstanceRun):
    """Compares published images with withheld ones, alone or beside the ranks of versions."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        asked = self.scores.audit
        assert isinstance(asked, ControlledAudit)
        self.asked = asked
        self.membership = Membership(
            context, asked, self.mark, self.train, self.audited, self.reference
        )

    @cached_property
    def audit(self) -> AuditControlled:
        """The stage that decides about each image."""
        parts = self.data, self.mark, self.train, self.unlearn, self.deploy, self.scores
        return AuditControlled(self.context, *parts, self.membership)

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """See `AuditRun.stages`."""
        membership = self.membership
        return {
            "data": self.data.stage,
            "mark": self.mark.stage,
            **self.model_stages,
            **self.references,
            **({"score": self.scores.final} if self.asked.combine else {}),
            "membership": membership.final,
            "audit": self.audit.stage,
        }

    def check(self) -> None:
        """See `AuditRun.check`."""
        self.fits()
        check_data(self.train.victim_class, self.data.splits.train)
        self.train.new_victim()

    def fits(self) -> None:
        """See `AuditRun.fits`."""
        self.check_keys()
        withhold = int(self.context.cfg.marking.withhold)
        if withhold < 1:
            raise ValueError(
                f"marking.withhold = {withhold}: this audit compares published images with "
                "withheld ones: accepted are 1, 2, 3, ... (about as many as are published)"
            )
        if self.asked.combine and self.mark.scheme.n < 2:
            raise ValueError(
                "audit = combined joins the ranks of versions, and marking makes one version only: "
                "choose audit=controlled"
            )
        if self.asked.combine and self.asked.read != ALL:
            raise ValueError(
                f"audit.read = {self.asked.read}: a joint p-value needs the whole rank: choose "
                f"audit.read={ALL}"
            )
        if self.unlearn.forget:
            raise ValueError(
                f"unlearning.forget = {self.unlearn.method.forget}: this audit tells forgotten "
                "images from others by versions only; choose audit=instance"
            )
        if self.asked.strata == "difficulty" and not self.reference.asked.count:
            raise ValueError(
                "audit.strata = 'difficulty' tells by reference models how hard an image is, and "
                "there are none: choose reference=public or reference=known"
            )
        self.membership.check()
        self.check_score(self.membership.score)
        self.unlearn.check()
        assert self.stages

    def _watchers(self, epochs: Sequence[int]) -> list[lightning.Callback]:
        return []
