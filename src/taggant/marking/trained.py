"""A marker network trained by the framework, on public images that no run's victim sees."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import cross_entropy

from taggant.data import emoji
from taggant.data.augment import CropFlip
from taggant.data.batches import Batches
from taggant.data.beyond import beyond
from taggant.data.imageset import ImageSet, Splits
from taggant.marking.marker import Backbone, headless
from taggant.store.store import Stage, Store

WEIGHTS = "marker.safetensors"
LEAST = 100
"""Images that a marker must learn from."""


def trained(
    exclude: DictConfig,
    net: DictConfig,
    size: int = 32,
    epochs: int = 8,
    lr: float = 0.02,
    batch_size: int = 64,
    seed: int = 0,
    store: str = "store",
    rest: int | None = None,
) -> Backbone:
    """A small classifier of public images, without its last layer.

    It learns from images that are in neither split of the run's data, and is kept in the store:
    training again elsewhere could give other bits.

    Parameters
    ----------
    exclude : DictConfig
        The run's data config; its train and test images are left out.
    net : DictConfig
        Partial of a network with arguments classes, channels and image_size.
    size : int
        Side of the images in pixels.
    epochs, lr, batch_size, seed
        Training: Nesterov SGD, one cycle, crops and mirror images.
    store : str
        The store's folder, relative to TAGGANT_ROOT or the working folder.
    rest : int, optional
        Learn from so many further training images of the run's own source; without, from the
        embedded emoji.

    Raises
    ------
    ValueError
        If fewer than 100 images are left to learn from.
    """
    key = json.dumps([_plain(exclude), _plain(net), size, epochs, lr, batch_size, seed, rest])
    root = Path(os.environ.get("TAGGANT_ROOT", ".")) / store
    if (key, root) not in _LOADED:
        public = _public(exclude, size, rest)
        _LOADED[key, root] = _trained(public, net, size, epochs, lr, batch_size, seed, root)
    return _LOADED[key, root]


_LOADED: dict[tuple[str, Path], Backbone] = {}
"""Markers of this process: the jobs of a sweep need not read their images again."""


def _plain(config: Any) -> Any:
    return OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config


def _public(exclude: DictConfig, size: int, rest: int | None) -> ImageSet:
    """Images that no victim of the run sees."""
    if rest is not None:
        return beyond(exclude, rest, "marking.marker.load.rest", LEAST)
    run: Splits = instantiate(exclude)
    return remainder(size, {*run.train.ids, *run.test.ids})


def _trained(
    public: ImageSet,
    net: DictConfig,
    size: int,
    epochs: int,
    lr: float,
    batch_size: int,
    seed: int,
    root: Path,
) -> Backbone:
    """The marker, from the store or made anew."""
    build: Callable[..., nn.Module] = instantiate(net)
    settings = {"size": size, "epochs": epochs, "lr": lr, "batch_size": batch_size, "seed": seed}
    identity = {
        "net": str(net),
        "settings": settings,
        "images": hashlib.sha256("".join(sorted(public.ids)).encode()).hexdigest(),
        "source": hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16],
    }

    def fresh() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            channels = public.images.shape[1]
            return build(classes=len(public.class_names), channels=channels, image_size=size)

    def compute(folder: Path) -> None:
        model = fit(fresh(), public, epochs, lr, batch_size, seed)
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / WEIGHTS)

    stage = Stage("marker", identity, compute)
    artifact = Store(root).get(stage)
    model = fresh()
    model.load_state_dict(load_file(artifact.path / WEIGHTS))
    name = f"trained on {public.name.split(' of neither')[0]}"
    return Backbone(name, headless(model, name), public.mean, public.std)


def remainder(size: int, taken: set[str]) -> ImageSet:
    """Emoji of both styles with their subcategories, less the ids in `taken`."""
    whole = emoji.load(labels="subcategory", size=size).train
    other = emoji.load(labels="subcategory", size=size).test
    parts = [part.select(_others(part, taken)) for part in (whole, other)]
    count = sum(map(len, parts))
    if count < LEAST:
        raise ValueError(
            f"the run's data leave {count} of the embedded emoji to train a marker on: at least "
            f"{LEAST} are needed; choose a smaller data.train or another marking/marker"
        )
    labels = [part.labels for part in parts if part.labels is not None]
    return ImageSet(
        images=torch.cat([part.images for part in parts]),
        ids=(*parts[0].ids, *parts[1].ids),
        labels=torch.cat(labels),
        captions=None,
        name="emoji of neither split",
        class_names=whole.class_names,
        mean=whole.mean,
        std=whole.std,
    )


def fit(
    model: nn.Module, data: ImageSet, epochs: int, lr: float, batch_size: int, seed: int
) -> nn.Module:
    """Train a classifier of normalised images on the CPU; the outcome follows from the seed."""
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (data.mean, data.std))
    assert data.labels is not None
    batches = Batches(data.images, data.labels, batch_size, seed, CropFlip(4))
    optimizer = torch.optim.SGD(
        model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=lr, total_steps=max(1, epochs * len(batches)), cycle_momentum=False
    )
    model.to(memory_format=torch.channels_last).train()
    with torch.enable_grad():
        for epoch in range(epochs):
            batches.set_epoch(epoch)
            for images, labels in batches:
                pixels = (images.float() / 255 - mean) / std
                logits = model(pixels.contiguous(memory_format=torch.channels_last))
                optimizer.zero_grad()
                cross_entropy(logits, labels).backward()
                optimizer.step()
                schedule.step()
    return model.eval()


def _others(part: ImageSet, taken: set[str]) -> list[Any]:
    kept: list[Any] = np.flatnonzero([image_id not in taken for image_id in part.ids]).tolist()
    return kept
