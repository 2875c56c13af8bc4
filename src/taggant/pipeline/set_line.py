"""The line of a run that audits a whole set at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import pytorch_lightning as lightning
from hydra.utils import get_class

from taggant.audit.callback import AuditCallback
from taggant.pipeline.line import Line
from taggant.pipeline.setting import Setting
from taggant.pipeline.stages.audit_set import AuditSet
from taggant.pipeline.stages.data import Data
from taggant.pipeline.stages.mark_set import MarkSet
from taggant.pipeline.stages.report import Report
from taggant.pipeline.stages.train import Train
from taggant.pipeline.stages.unlearn import Unlearn
from taggant.store.store import Stage


class SetLine(Line):
    """The same line with one question, about the whole set, in place of one an image."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.store = setting.store
        audit: Any = get_class(setting.cfg.audit._target_)
        self.data = Data(setting)
        self.mark: MarkSet = MarkSet(setting, self.data, bool(audit.together))
        self.train = Train(setting, self.data, self.mark, self._watchers)
        self.unlearn = Unlearn(setting, self.data, self.mark, self.train)
        self.audit_set = AuditSet(setting, self.data, self.mark, self.train, self.unlearn)
        self.report = Report(setting, self.audit_set, lambda: self.stages)

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """Every stage that has results, in order, by the name it has in the run's record."""
        return {
            "data": self.data.stage,
            "mark": self.mark.pool,
            "mix": self.mark.stage,
            "train": self.train.stage,
            "unlearn": self.unlearn.stage,
            "audit": self.audit_set.stage,
        }

    def check(self) -> None:
        """Make every part once, so that a wrong parameter is told now, not after hours."""
        self.fits()
        victim = self.train.new_victim()
        self.train.check_batches(victim, len(self.data.splits.train))
        self.unlearn.check_batches(victim.smallest)

    def fits(self) -> None:
        """See `Line.fits`."""
        self.audit_set.audit.check(self.mark.scheme, self.train.kind)
        self.audit_set.score.check(self.train.kind)
        if self.audit_set.score.choosing:
            raise ValueError(
                "score/view_set: these views are chosen by asking about each raw image, and an "
                "audit of a whole set asks about versions only: choose random or grid"
            )
        self.unlearn.check()
        assert self.stages

    def _watchers(self, epochs: Sequence[int]) -> list[lightning.Callback]:
        return [AuditCallback(epochs, self._live)] if self.audit_set.audit.live else []

    def _live(self, _: int, victim: lightning.LightningModule) -> Mapping[str, float]:
        return self.audit_set.watch(victim)
