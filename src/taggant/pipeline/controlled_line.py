"""The line of a run with controlled publication."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import pytorch_lightning as lightning

from taggant.audit.controlled import ControlledAudit
from taggant.pipeline.line import Line, check_data
from taggant.pipeline.setting import Setting
from taggant.pipeline.stages.audit_controlled import AuditControlled
from taggant.pipeline.stages.membership import Membership
from taggant.pipeline.stages.report import Report
from taggant.store.store import Stage


class ControlledLine(Line):
    """The same line with withheld images, to which published ones are compared."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        asked = self.scores.audit
        assert isinstance(asked, ControlledAudit)
        self.asked = asked
        self.membership = Membership(setting, asked, self.mark, self.train, self.unlearn)
        self.audit: AuditControlled = AuditControlled(
            setting, self.data, self.mark, self.train, self.unlearn, self.scores, self.membership
        )
        self.report = Report(setting, self.audit, lambda: self.stages)

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """Every stage that has results, in order, by the name it has in the run's record."""
        membership = self.membership
        made = {f"reference/{i}": stage for i, stage in enumerate(membership.reference.stages)}
        return {
            "data": self.data.stage,
            "mark": self.mark.stage,
            "train": self.train.stage,
            "unlearn": self.unlearn.stage,
            **({"score": self.scores.final} if self.asked.combine else {}),
            **made,
            "membership": membership.final,
            "audit": self.audit.stage,
        }

    def check(self) -> None:
        """See `Line.check`."""
        self.fits()
        check_data(self.train.kind, self.data.splits.train)
        self.train.new_victim()

    def fits(self) -> None:
        """See `Line.fits`."""
        withhold = int(self.setting.cfg.marking.withhold)
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
        if self.unlearn.forget:
            raise ValueError(
                f"unlearning.forget = {self.unlearn.method.forget}: this audit tells forgotten "
                "images from others by versions only; choose audit=instance"
            )
        self.membership.score.check(self.train.kind)
        self.unlearn.check()
        assert self.stages

    def _watchers(self, epochs: Sequence[int]) -> list[lightning.Callback]:
        return []
