"""A marker network trained by the framework, on public images that no run's victim sees."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import get_method, instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from taggant.data import emoji
from taggant.data.augment import CropFlip
from taggant.data.batches import Batches
from taggant.data.beyond import beyond
from taggant.data.imageset import ImageSet, Splits
from taggant.files import write_atomically
from taggant.marking.marker import Backbone
from taggant.networks import headless
from taggant.optim import nesterov_sgd, train
from taggant.store.identity import sources
from taggant.store.store import Stage, Store

WEIGHTS = "marker.safetensors"
FACTS = "facts.json"
LEAST = 100
"""Images that a marker must learn from."""
TARGET = f"{__name__}.trained"
"""What a config names to have a marker trained."""


@dataclass(frozen=True)
class Training:
    """How a marker is trained, in plain values.

    Attributes
    ----------
    exclude : mapping
        The run's data config; its train and test images are left out.
    net : mapping
        Config of a partial of a network with arguments classes, channels and image_size.
    size : int
        Side of the images in pixels.
    epochs, lr, batch_size, seed
        Nesterov SGD, one cycle, crops and mirror images.
    rest : int, optional
        Learn from so many further training images of the run's own source; without, from the
        embedded emoji.
    """

    exclude: Mapping[str, Any]
    net: Mapping[str, Any]
    size: int = 32
    epochs: int = 8
    lr: float = 0.02
    batch_size: int = 64
    seed: int = 0
    rest: int | None = None

    def stage(self, data: Stage | None = None) -> Stage:
        """The training as a stage of a run.

        Parameters
        ----------
        data : Stage, optional
            Makes the images to exclude; without, a digest of their files stands for it.
        """
        apart = {key: value for key, value in self.exclude.items() if key != "root"}
        identity = {
            "config": {**vars(self), "exclude": apart},
            "sources": sources({"_target_": TARGET, **vars(self)}),
            "content": self._content() if data is None else None,
        }
        return Stage("marker", identity, self._compute, needs=() if data is None else (data,))

    def load(self, folder: Path) -> Backbone:
        """The marker in the folder of the finished stage."""
        facts = json.loads((folder / FACTS).read_text())
        model = self._fresh(facts)
        model.load_state_dict(load_file(folder / WEIGHTS))
        net, _ = headless(model, "marking.marker.load.net")
        return Backbone(str(facts["name"]), net, facts["mean"], facts["std"])

    def _content(self) -> object:
        """Which content the files of the run's data have."""
        module = str(self.exclude["_target_"]).rpartition(".")[0]
        options = {key: value for key, value in self.exclude.items() if key != "_target_"}
        return get_method(f"{module}.fingerprint")(**options)

    def _compute(self, folder: Path) -> None:
        public = self._public()
        facts = {
            "name": f"trained on {public.name.split(' of neither')[0]}",
            "classes": len(public.class_names),
            "channels": public.images.shape[1],
            "mean": public.mean,
            "std": public.std,
        }
        start = self._fresh(facts)
        model = fit(start, public, self.epochs, self.lr, self.batch_size, self.seed)
        state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        write_atomically(folder / WEIGHTS, save(state))
        (folder / FACTS).write_text(json.dumps(facts, indent=1))

    def _public(self) -> ImageSet:
        """Images that no victim of the run sees."""
        exclude = OmegaConf.create(dict(self.exclude))
        if self.rest is not None:
            return beyond(exclude, self.rest, "marking.marker.load.rest", LEAST)
        run: Splits = instantiate(exclude)
        return remainder(self.size, {*run.train.ids, *run.test.ids})

    def _fresh(self, facts: Mapping[str, object]) -> nn.Module:
        """The network with the weights that it starts from."""
        build: Callable[..., nn.Module] = instantiate(dict(self.net))
        classes, channels = facts["classes"], facts["channels"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return build(classes=classes, channels=channels, image_size=self.size)


def trained(exclude: DictConfig, net: DictConfig, store: str = "store", **options: Any) -> Backbone:
    """A small classifier of public images, without its last layer.

    It learns from images that are in neither split of the run's data, and is kept in the store:
    training again elsewhere could give other bits.

    Parameters
    ----------
    exclude, net, **options
        See `Training`.
    store : str
        The store's folder, relative to TAGGANT_ROOT or the working folder.

    Raises
    ------
    ValueError
        If fewer than 100 images are left to learn from.
    """
    training = Training(_plain(exclude), _plain(net), **options)
    root = Path(os.environ.get("TAGGANT_ROOT", ".")) / store
    key = json.dumps(vars(training)), root
    if key not in _LOADED:
        kept = Store(root)
        with kept.in_use():
            _LOADED[key] = training.load(kept.get(training.stage()).path)
    return _LOADED[key]


_LOADED: dict[tuple[str, Path], Backbone] = {}
"""Markers of this process, with the images that they were trained on as these were then."""


def _plain(config: Any) -> Any:
    return OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config


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
    optimizer = nesterov_sgd(model.parameters(), lr, momentum=0.9, weight_decay=5e-4)
    model.to(memory_format=torch.channels_last).train()

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        images, labels = batch
        pixels = (images.float() / 255 - mean) / std
        logits = model(pixels.contiguous(memory_format=torch.channels_last))
        return cross_entropy(logits, labels)

    train(loss, batches, epochs, optimizer, peak=lr)
    return model.eval()


def _others(part: ImageSet, taken: set[str]) -> NDArray[np.intp]:
    return np.flatnonzero([image_id not in taken for image_id in part.ids])
