"""Training as the pipeline does it, in a folder, and how a signal would end it."""

from __future__ import annotations

import pytorch_lightning as pl
from safetensors.torch import load_file

from taggant.victim import training


class Kill(pl.Callback):
    """Ends the process' part in training at an epoch's begin, or when all epochs are done."""

    def __init__(self, epoch: int | None = None) -> None:
        self.epoch = epoch

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == self.epoch:
            raise SystemExit

    def on_train_end(self, trainer, pl_module):
        if self.epoch is None:
            raise SystemExit


def fit(victim, data, held_out, folder, *callbacks):
    """Final weights and history of a training in `folder`, or of its rest."""
    folder.mkdir(exist_ok=True)
    trainer = pl.Trainer(
        max_epochs=victim.epochs,
        accelerator="cpu",
        callbacks=[*training.callbacks(victim, held_out, 0, folder), *callbacks],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(folder),
    )
    training.fit(victim, trainer, data, 0, folder)
    return load_file(folder / training.FINAL), training.read_history(folder)
