"""Train: the victim, its snapshots and its history. It never sees the ledger."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytorch_lightning as lightning
import torch
from hydra.utils import get_class, instantiate

from taggant.data.batches import check_min_batch_size
from taggant.pipeline.device import device_of, native_bfloat16
from taggant.store.identity import sources
from taggant.store.store import Stage
from taggant.victim import training
from taggant.victim.victim import snapshot_epochs

if TYPE_CHECKING:
    from taggant.configs import Plain
    from taggant.data.imageset import ImageSet
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.defences import Defences
    from taggant.pipeline.stages.data import Data
    from taggant.pipeline.stages.mark import Mark
    from taggant.victim.victim import Victim

PLACE = ("accelerator", "devices", "num_nodes", "strategy")
"""Trainer arguments that say where to compute, of which only the world size counts."""

Watchers = Callable[[Sequence[int]], Sequence[lightning.Callback]]
"""Makes callbacks that watch the victim at the given epochs; they leave its weights alone."""


class Train:
    """The victim before unlearning."""

    def __init__(
        self,
        context: RunContext,
        data: Data,
        mark: Mark,
        defences: Defences,
        watchers: Watchers,
    ) -> None:
        self.context = context
        self.data = data
        self.mark = mark
        self.defences = defences
        self.watchers = watchers

    @cached_property
    def stage(self) -> Stage:
        """Depends on precision and number of devices; not on their kind, progress or loggers."""
        config, markers = self.mark.markers.apart(self.context.config("victim"))
        trainer, editing = self.context.config("trainer"), self.defences.editing
        identity: dict[str, object] = {
            "config": config,
            "trainer": {
                **{key: value for key, value in trainer.items() if key not in PLACE},
                "precision": precision(trainer),
            },
            "world": world_size(trainer),
            "seed": self.context.seed("train"),
            "sources": sources([config, editing], type(self)),
        }
        if editing:
            identity |= {"editing": [*editing.values()], "editing_seed": self.defences.seed}
        needs = (self.data.stage, self.mark.stage, *markers)
        return Stage("train", identity, self._compute, resumable=True, needs=needs)

    @cached_property
    def snapshots(self) -> tuple[int, ...]:
        """Epochs (from 1) after which weights are kept."""
        config = self.context.config("victim")
        return snapshot_epochs(config["snapshots"], config["epochs"])

    @cached_property
    def images(self) -> ImageSet:
        """What the victim learns from: published images, as its maker's defences leave them."""
        return self.defences.learned(self.mark.training_set)

    @property
    def steps(self) -> int:
        """Number of optimisation steps of the whole training."""
        victim = self.context.cfg.victim
        return int(victim.epochs) * math.ceil(len(self.images) / int(victim.batch_size))

    @property
    def victim_class(self) -> type[Victim]:
        """The victim's class."""
        victim_class: type[Victim] = get_class(self.context.cfg.victim._target_)
        return victim_class

    def new_victim(self, seed: int | None = None) -> Victim:
        """A fresh victim; its weights are a function of the seed, the stage's own by default."""
        train = self.data.splits.train
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.context.seed("train") if seed is None else seed)
            victim: Victim = self.mark.markers.instantiate(
                self.context.cfg.victim,
                classes=len(train.class_names),
                channels=train.images.shape[1],
                image_size=train.images.shape[-1],
                mean=train.mean,
                std=train.std,
            )
        return victim

    def check_batches(self, victim: Victim, images: int) -> None:
        """Refuse a number of training images that leaves a batch too small for the victim.

        Raises
        ------
        ValueError
        """
        each = victim.min_batch_size * world_size(self.context.config("trainer"))
        check_min_batch_size(images, victim.batch_size, each)

    def load(self, weights: Path) -> Victim:
        """A victim with stored weights."""
        victim = self.new_victim()
        training.load_weights(victim, weights)
        return victim

    def final(self) -> Victim:
        """The trained victim."""
        return self.load(self.context.store.get(self.stage).path / training.FINAL)

    def at_epoch(self, epoch: int) -> Victim:
        """The victim as it was after an epoch."""
        path = self.context.store.get(self.stage).path
        return self.load(path / training.snapshot_name(epoch))

    @cached_property
    def history(self) -> Sequence[dict[str, float]]:
        """Loss of every epoch, utility at the snapshots."""
        return training.read_history(self.context.store.get(self.stage).path)

    def _compute(self, folder: Path) -> None:
        alone = world_size(self.context.config("trainer")) == 1
        watchers = self.watchers(self.snapshots) if alone else ()
        self.fit(self.images, folder, watchers)

    def fit(
        self,
        images: ImageSet,
        folder: Path,
        watchers: Sequence[lightning.Callback] = (),
        seed: int | None = None,
    ) -> Victim:
        """Train a new victim on a set and return it; an interrupted attempt in `folder` goes on."""
        seed = self.context.seed("train") if seed is None else seed
        victim, test = self.new_victim(seed), self.data.splits.test
        callbacks = [*training.callbacks(victim, test, seed, folder), *watchers]
        trainer = self._trainer(victim, callbacks, folder)
        training.fit(victim, trainer, images, seed, folder)
        return victim

    def _trainer(
        self, victim: Victim, callbacks: list[lightning.Callback], folder: Path
    ) -> lightning.Trainer:
        if self.context.progress:
            callbacks = [*callbacks, lightning.callbacks.RichProgressBar()]
        trainer: lightning.Trainer = instantiate(
            self.context.cfg.trainer,
            precision=precision(self.context.config("trainer")),
            max_epochs=victim.epochs,
            callbacks=callbacks,
            logger=list(self.context.loggers) or False,
            default_root_dir=str(folder),
            enable_progress_bar=self.context.progress,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
        )
        return trainer


def precision(trainer: Plain) -> str | int:
    """Lightning's precision; "auto" is bf16-mixed where the device has bfloat16 arithmetic.

    Elsewhere it is 32-true: emulated bfloat16 was eight times slower on a CPU with no more than
    AVX2. As part of a victim's identity the outcome is recorded, and a store that is carried to
    another kind of machine trains anew.
    """
    asked: str | int = trainer.get("precision", "32-true")
    if asked != "auto":
        return asked
    native = native_bfloat16(device_of(trainer["accelerator"]))
    return "bf16-mixed" if native else "32-true"


def world_size(trainer: Plain) -> int:
    """Processes that share a training step: devices times nodes."""
    devices = trainer["devices"]
    if isinstance(devices, (list, tuple)):
        count = len(devices)
    elif devices in ("auto", "-1", -1):
        count = max(1, torch.cuda.device_count())
    else:
        count = int(devices)
    return count * int(trainer.get("num_nodes", 1))
