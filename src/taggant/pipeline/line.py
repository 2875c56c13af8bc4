"""One run's line of stages, from data to report."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import pytorch_lightning as lightning
from hydra.utils import get_class

from taggant.audit.callback import AuditCallback
from taggant.data.imageset import ImageSet
from taggant.data.options import check_whole
from taggant.pipeline.record import record, run_digest
from taggant.pipeline.setting import Setting
from taggant.pipeline.stages.audit import Audit
from taggant.pipeline.stages.data import Data
from taggant.pipeline.stages.mark import Mark
from taggant.pipeline.stages.report import Report
from taggant.pipeline.stages.score import Scores
from taggant.pipeline.stages.train import Train
from taggant.pipeline.stages.unlearn import Unlearn
from taggant.store.store import Stage


def check_data(victim: Any, data: ImageSet) -> None:
    """Refuse images without the labels or captions that a victim learns from.

    Parameters
    ----------
    victim : LightningModule or its class
        Says with its ``against`` what these are.
    data : ImageSet

    Raises
    ------
    ValueError
        If there are none.
    """
    if victim.against != "nothing" and getattr(data, victim.against) is None:
        raise ValueError(
            f"{data.name} has no {victim.against}, which this victim learns from: choose other "
            "data (data=...)"
        )


class Line:
    """The stages of a setting, wired.

    Parameters
    ----------
    setting : Setting
        Config, store and loggers.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.store = setting.store
        self.data = Data(setting)
        self.mark = Mark(setting, self.data)
        self.train = Train(setting, self.data, self.mark, self._watchers)
        self.unlearn = Unlearn(setting, self.data, self.mark, self.train)
        self.scores = Scores(setting, self.mark, self.train, self.unlearn)
        self.audit = Audit(setting, self.data, self.mark, self.train, self.unlearn, self.scores)
        self.report = Report(setting, self.audit, lambda: self.stages)

    @classmethod
    def of(cls, setting: Setting) -> Line:
        """The line that the setting's audit asks for."""
        audit: Any = get_class(setting.cfg.audit._target_)
        wanted: type[Line] = get_class(audit.line)
        return wanted(setting)

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """Every stage that has results, in order, by the name it has in the run's record."""
        curve = {f"score/epoch-{e}": stage for e, stage in self.scores.curve.items()}
        return {
            "data": self.data.stage,
            "mark": self.mark.stage,
            "train": self.train.stage,
            "unlearn": self.unlearn.stage,
            **curve,
            "score": self.scores.final,
            "audit": self.audit.stage,
        }

    @property
    def digest(self) -> str:
        """What tells this run's results from any other's, 32 hex digits."""
        return run_digest(self.stages)

    def check(self) -> None:
        """Make every part once, so that a wrong parameter is told now, not after hours."""
        self.fits()
        train = self.data.splits.train
        check_data(self.train.kind, train)
        victim = self.train.new_victim()
        left_out = int(self.setting.cfg.marking.unused)
        self.train.check_batches(victim, len(train) - left_out)
        self.unlearn.check_batches(victim.smallest)

    def fits(self) -> None:
        """Refuse parts that do not fit each other, before any data are looked at.

        Raises
        ------
        ValueError
            With the parts and what would fit.
        """
        for group in ("used", "unused"):
            check_whole(f"marking.{group}", self.setting.cfg.marking[group])
        self.scores.score.check(self.train.kind)
        self.unlearn.check()
        both = [self.scores.both_sides] if self.unlearn.forget else []
        assert [self.scores.boundaries, *both, self.stages]

    def record(self) -> dict[str, Any]:
        """``result.json``: what ran, what it took, what came out."""
        return record(self.setting.cfg.name, self.store, self.stages)

    def _watchers(self, epochs: Sequence[int]) -> list[lightning.Callback]:
        """The audit as a view on training, if it is wanted; a shard has no rates to show."""
        wanted = self.scores.audit.live and self.scores.audit.shard is None
        return [AuditCallback(epochs, self._audit_live)] if wanted else []

    def _audit_live(self, epoch: int, victim: lightning.LightningModule) -> dict[str, float]:
        stage = self.scores.at_epoch(epoch, victim)
        self.store.get(stage, needs_ready=True)
        rates = self.audit.rates_at(self.scores.readings(stage))
        return {
            f"{name}/p={p}": row[name]
            for p, row in rates.items()
            for name in ("detection_rate", "false_detection_rate")
            if row[name] is not None
        }
