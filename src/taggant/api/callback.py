"""Detection curves from anybody's Lightning training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import pytorch_lightning as lightning

from taggant.api.marked import Marked
from taggant.api.result import AuditResult
from taggant.api.watch import Watch
from taggant.auditing.callback import LiveAudit


class AuditCallback(LiveAudit):
    """Audits a Lightning model every few epochs and after the last, and logs the rates.

    Weights are bit-identical with and without it. The loggers of the trainer get
    ``detection_rate/p=0.05`` and ``false_detection_rate/p=0.05``, with the epoch (from 1) as step;
    they never see the ledger. Where training is shared between processes, the first one audits.

    Guarantee: that of `taggant.audit` at each epoch, not for the best epoch chosen afterwards.

    Parameters
    ----------
    marked : Marked
        From `taggant.mark`; train on its `training_images`.
    every : int
        Epochs between audits.
    p : float
        Bound on the false-detection rate of each image's audit.
    **options
        Further arguments of `taggant.audit`: preprocess, test, score, views, ...

    Attributes
    ----------
    results : dict of int to AuditResult
        By epoch, from 1.
    curve : DataFrame
        A row an audited epoch: epoch, p, both rates with the ends of their intervals.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, the value and what is accepted.
    """

    def __init__(self, marked: Marked, every: int = 5, p: float = 0.05, **options: Any) -> None:
        self.watch = Watch(marked, every, p, options)
        super().__init__(self.watch, self._audit)

    def _audit(self, epoch: int, module: lightning.LightningModule) -> Mapping[str, float]:
        return self.watch.look(epoch, module)

    @property
    def results(self) -> dict[int, AuditResult]:
        """See the class."""
        return self.watch.results

    @property
    def curve(self) -> pl.DataFrame:
        """See the class."""
        return self.watch.curve

    def look(
        self, epoch: int, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """See `LiveAudit.look`."""
        if trainer.is_global_zero:
            super().look(epoch, trainer, pl_module)

    def on_train_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Audit once more, if the last epoch was not among the chosen."""
        if trainer.current_epoch not in self.results:
            self.look(trainer.current_epoch, trainer, pl_module)
