"""Time training: Lightning, as runs use it, beside a bare PyTorch loop.

    python bench/training.py [--device cpu] [--small] [--json FILE]

The same network, images, batches, augmentation, optimiser and schedule, in turns in one process;
the first epoch of each does not count. Lightning's side keeps what a run keeps: the loss history
and a checkpoint every epoch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pytorch_lightning as pl
import torch

from common import environment, in_turns, ratio, seconds, show
from taggant.data import emoji
from taggant.data.augment import CropFlip
from taggant.data.imageset import ImageSet
from taggant.pipeline.run import quiet_libraries
from taggant.victim import training
from taggant.victim.classifier import Classifier
from taggant.victim.resnet9 import ResNet9
from taggant.victim.small_net import SmallNet

NETS = {"six convolutions, width 16": partial(SmallNet, width=16)}
NETS |= {"ResNet-9, width 32": partial(ResNet9, width=32)}
BATCHES = (50, 250)


class EpochTimes(pl.Callback):
    """When each epoch ended, after everything else that belongs to it."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())


def victim(net: Any, data: ImageSet, batch_size: int, epochs: int) -> Classifier:
    torch.manual_seed(0)
    facts = {"classes": len(data.class_names), "channels": 3, "image_size": 32}
    return Classifier(
        net, **facts, epochs=epochs, batch_size=batch_size, lr=0.01, momentum=0.9,
        weight_decay=0.0, snapshots=1, mean=data.mean, std=data.std, augment=CropFlip(),
    )  # fmt: skip


def lightning(model: Classifier, data: ImageSet, device: str, precision: str = "32-true") -> float:
    """Seconds an epoch."""
    with tempfile.TemporaryDirectory() as folder:
        times = EpochTimes()
        kept = training.callbacks(model, data.select(range(50)), 0, Path(folder))
        trainer = pl.Trainer(
            accelerator="gpu" if device == "cuda" else "cpu", devices=1, max_epochs=model.epochs,
            precision=precision,
            callbacks=[*kept, times], logger=False, enable_progress_bar=False,
            enable_model_summary=False, num_sanity_val_steps=0, log_every_n_steps=1,
            default_root_dir=folder,
        )  # fmt: skip
        training.fit(model, trainer, data, 0, Path(folder))
    return (times.ends[-1] - times.ends[0]) / (len(times.ends) - 1)


def bare(model: Classifier, data: ImageSet, device: str) -> float:
    """Seconds an epoch."""
    model.to(device).train()
    loader = model.batches(data, 0, torch.device(device))
    optimizer = model.optimizer()
    steps = model.epochs * len(loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=model.lr, total_steps=steps, pct_start=0.3, cycle_momentum=False
    )

    def epoch(number: int) -> None:
        loader.sampler.set_epoch(number)
        total = torch.zeros((), device=device)
        for batch in loader:
            loss = model.batch_loss(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()

    epoch(0)
    return seconds(lambda: [epoch(i) for i in range(1, model.epochs)]) / (model.epochs - 1)


def compared(device: str, images: int, epochs: int, repeats: int) -> list[dict[str, Any]]:
    """Images/s of both, and their ratio."""
    data, rows = emoji.load(labels="subcategory").train.select(range(images)), []
    for title, net in NETS.items():
        for size in BATCHES:
            make = partial(victim, net, data, size, epochs)
            sides = {
                "Lightning": lambda make=make: images / lightning(make(), data, device),
                "bare": lambda make=make: images / bare(make(), data, device),
            }
            speeds = in_turns(sides, repeats)
            row: dict[str, Any] = {"net": title, "batch": size}
            row |= {f"{name} images/s": median(speed) for name, speed in speeds.items()}
            rows.append(row | {"ratio": ratio(speeds["Lightning"], speeds["bare"])})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    quiet_libraries()
    sizes = (250, 2, 1) if options.small else (1000, 4, 3)
    tables = {"training": lambda: compared(options.device, *sizes)}
    show(tables, environment(options.device), options.json)


if __name__ == "__main__":
    main()
