"""Training a victim with Lightning so that a killed run goes on from its last epoch."""

from __future__ import annotations

import json
import math
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from taggant.answers import evaluating
from taggant.data.imageset import ImageSet
from taggant.files import write_atomically
from taggant.stop import Stopped
from taggant.victim.batch_share import BatchShare
from taggant.victim.checkpoint import RESUME, ChecksummedCheckpoints, read, resumable_checkpoint
from taggant.victim.victim import HeldOut, Victim

HISTORY = "history.json"
FINAL = "final.safetensors"
HELD_OUT = "held_out_loss"


class TrainingError(RuntimeError):
    """Training cannot give a usable victim."""


def fit(
    victim: Victim,
    trainer: pl.Trainer,
    train: ImageSet,
    seed: int,
    folder: Path,
) -> None:
    """Train, keeping snapshots, the loss history and the final weights in `folder`.

    Parameters
    ----------
    victim : Victim
    trainer : pl.Trainer
        With the callbacks of `callbacks`.
    train : ImageSet
        What is trained on.
    seed : int
        Seed of initialisation, order and augmentation.
    folder : Path
        May hold the checkpoint of an interrupted attempt; training then goes on from it, or, where
        it is damaged, begins again.

    Raises
    ------
    TrainingError
        If the loss becomes NaN or infinite.
    Stopped
        If a signal comes; it then knows the epoch at which the next attempt goes on.
    """
    victim.prepare(train)
    checkpoint = resumable_checkpoint(folder)
    trainer.strategy.checkpoint_io = ChecksummedCheckpoints()
    alone = trainer.world_size == 1
    # Processes are forked, which a parent that has used a GPU cannot do.
    device = trainer.strategy.root_device if alone else torch.device("cpu")
    batches = victim.batches(train, seed, device)
    if not alone:  # every process needs as many images
        batches = batches.with_at_least(batches.min_batch_size * trainer.world_size)
    try:
        trainer.fit(
            victim,
            train_dataloaders=batches if alone else BatchShare(batches),
            ckpt_path=None if checkpoint is None else str(checkpoint),
            weights_only=True,
        )
    except Stopped as stop:
        if trainer.strategy.launcher is not None:
            trainer.strategy.launcher.kill(signal.SIGTERM)
        stop.where = f"epoch {next_epoch(folder)}"
        raise
    save_weights(victim, folder / FINAL)
    (folder / RESUME).unlink(missing_ok=True)


def callbacks(victim: Victim, test: ImageSet, seed: int, folder: Path) -> list[pl.Callback]:
    """What every training run needs: draws, history, snapshots and the epoch's checkpoint."""
    stopping = [] if victim.patience is None else [Patience(victim.patience)]
    return [
        KeepSignalHandlers(),
        SeedEveryEpoch(seed),
        History(test, folder),
        *stopping,
        EpochCheckpoint(folder),
    ]


class KeepSignalHandlers(pl.Callback):
    """Keeps signals with whoever handled them before.

    Lightning takes them for a training: it would end at SIGTERM with exit status 0, also where
    Slurm's own launcher means to let it pass, and requeue with a checkpoint inside an epoch.
    """

    TAKEN = (signal.SIGTERM, signal.SIGUSR1)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Remember the handlers; a process that shares a training just ends with the others."""
        self.before = {number: signal.getsignal(number) for number in self.TAKEN}
        if trainer.world_size > 1:
            self.before = dict.fromkeys((*self.TAKEN, signal.SIGINT), signal.SIG_DFL)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put them back."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self.before.items():
                signal.signal(number, handler)


class SeedEveryEpoch(pl.Callback):
    """Makes dropout, and all else that draws from torch's own state, a function of seed and epoch.

    A run that goes on at an epoch, and one that was audited in between, draws what any other does.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed the epoch's draws, each process its own."""
        key = [self.seed, trainer.current_epoch, trainer.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))


class Patience(pl.callbacks.EarlyStopping):
    """Ends training after so many epochs in a row without a lower loss of held-out images."""

    def __init__(self, epochs: int) -> None:
        super().__init__(HELD_OUT, patience=epochs, check_on_train_epoch_end=True)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop again where an attempt that was killed had stopped already."""
        trainer.should_stop = trainer.should_stop or self.stopped_epoch > 0


class EpochCheckpoint(pl.callbacks.Checkpoint):
    """Keeps the last finished epoch's checkpoint, which is whole at any moment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the new checkpoint in place of the old one."""
        trainer.save_checkpoint(self.folder / RESUME)


class History(pl.Callback):
    """Keeps the loss of every epoch, and weights and utility at the snapshots.

    Checkpoints hold the record too: an attempt that goes on takes it from there.
    """

    def __init__(self, test: ImageSet, folder: Path) -> None:
        self.test = test
        self.folder = folder
        self.rows: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, list[dict[str, float]]]:
        """What a checkpoint holds of the record: all of it."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, list[dict[str, float]]]) -> None:
        """Take up what an interrupted attempt recorded before its last checkpoint."""
        self.rows = list(state_dict["rows"])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record the epoch; stop at a loss that is not finite."""
        victim = _victim(pl_module)
        epoch = trainer.current_epoch + 1
        loss = float(trainer.strategy.reduce(trainer.callback_metrics["train_loss"]))
        if not math.isfinite(loss):
            raise TrainingError(
                f"the training loss is {loss} in epoch {epoch}: training diverged. "
                f"Lower victim.lr (now {victim.lr}) or train in higher precision "
                f"(trainer.precision=32-true, now {trainer.precision})"
            )
        row: dict[str, float] = {"epoch": epoch, "train_loss": loss}
        if isinstance(victim, HeldOut) and victim.patience is not None:
            with evaluating(victim):
                victim.log(HELD_OUT, victim.held_out_loss(self.test), sync_dist=True)
            row[HELD_OUT] = float(trainer.callback_metrics[HELD_OUT])
        if not trainer.is_global_zero:
            return
        if epoch in victim.snapshots:
            with evaluating(victim):
                row |= victim.measures(self.test)
            save_weights(victim, self.folder / snapshot_name(epoch))
        self._record(row)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Having stopped early, the victim is at the snapshots to come as it is now."""
        if not trainer.is_global_zero:
            return
        victim, last = _victim(pl_module), self.rows[-1]
        for epoch in victim.snapshots:
            if epoch > last["epoch"]:
                with evaluating(victim):
                    measured = victim.measures(self.test)
                save_weights(victim, self.folder / snapshot_name(epoch))
                self._record({**last, **measured, "stopped": last["epoch"], "epoch": epoch})

    def _record(self, row: dict[str, float]) -> None:
        self.rows.append(row)
        write_atomically(self.folder / HISTORY, json.dumps(self.rows).encode())


def _victim(module: pl.LightningModule) -> Victim:
    assert isinstance(module, Victim), "callbacks of this module watch victims only"
    return module


def next_epoch(folder: Path) -> int:
    """The epoch (from 1) at which an interrupted training in a folder goes on."""
    checkpoint = folder / RESUME
    return int(read(checkpoint)["epoch"]) + 2 if checkpoint.exists() else 1


def snapshot_name(epoch: int) -> str:
    """File name of the weights after `epoch` (from 1)."""
    return f"epoch-{epoch:05d}.safetensors"


def save_weights(module: torch.nn.Module, path: Path) -> None:
    """Write a module's weights and buffers; those that several layers share, once for each."""
    tensors: dict[str, Tensor] = {}
    written: set[int] = set()
    for name, weights in module.state_dict().items():
        alone = weights.detach().contiguous().cpu()
        where = alone.untyped_storage().data_ptr()
        tensors[name] = alone.clone() if where in written else alone
        written.add(where)
    write_atomically(path, save(tensors))


def load_weights(module: torch.nn.Module, path: Path) -> None:
    """Read weights written by `save_weights` into a module of the same make."""
    module.load_state_dict(load_file(path))


def read_history(folder: Path) -> Sequence[dict[str, float]]:
    """Loss (every epoch) and utility (snapshots) of a finished training."""
    rows: list[dict[str, float]] = json.loads((folder / HISTORY).read_text())
    return rows
