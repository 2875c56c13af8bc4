"""The audit as a view on training: detection curves while a model learns."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

import pytorch_lightning as pl

AuditEpoch = Callable[[int, pl.LightningModule], Mapping[str, float]]
"""Audits the model after an epoch (from 1) and returns what to log."""


class LiveAudit(pl.Callback):
    """Audits used and unused instances at chosen epochs and logs the rates.

    The ledger stays inside `audit`, outside the LightningModule, so no checkpoint or
    hyper-parameter dump can hold it. Weights are bit-identical with and without this callback.
    The guarantee holds at each epoch, not for the best epoch chosen afterwards.

    Parameters
    ----------
    epochs : container of int
        Epochs (from 1) to audit.
    audit : callable
        Does the work.
    """

    def __init__(self, epochs: Container[int], audit: AuditEpoch) -> None:
        self.epochs = epochs
        self.audit = audit

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Audit and log, if this epoch is among the chosen."""
        epoch = trainer.current_epoch + 1
        if epoch in self.epochs:
            self.look(epoch, trainer, pl_module)

    def look(self, epoch: int, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Audit and log."""
        metrics = dict(self.audit(epoch, pl_module))
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step=epoch)
