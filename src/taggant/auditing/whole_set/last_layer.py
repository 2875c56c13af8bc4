"""What a classifier's last linear layer reads, and its weights, whatever the architecture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from taggant.answers import evaluating


@dataclass(frozen=True, eq=False)
class LastLayer:
    """A classifier's last linear layer, seen at work.

    Attributes
    ----------
    features : float64 array [N, d]
        What it read for each image.
    weights : float64 array [classes, d]
        Its rows, without the bias.
    """

    features: NDArray[np.float64]
    weights: NDArray[np.float64]


def last_layer(model: nn.Module, images: Tensor, batch_size: int = 256) -> LastLayer:
    """Watch the last linear layer of a classifier while it answers.

    The layer is the linear one that runs last, so neither names nor the order of registration
    matter: ResNet's ``fc``, VGG's ``classifier.6``, DenseNet's ``classifier``, timm's heads. The
    model answers in eval mode and float32 and is left as it was found.

    Parameters
    ----------
    model : nn.Module
        Images uint8 [B, C, H, W] -> logits [B, classes].
    images : Tensor, uint8 [N, C, H, W], 0..255
    batch_size : int
        Images per forward.

    Raises
    ------
    ValueError
        If the model does not end in a linear layer on feature vectors.
    """
    device = next(model.parameters()).device
    parts = []
    with torch.inference_mode(), evaluating(model), _watching(model) as seen:
        for part in images.split(batch_size):
            seen.clear()
            answers = model(part.to(device))
            if not seen or seen[-1].shape != answers.shape or seen[-1].read.ndim != 2:
                raise ValueError(
                    f"{type(model).__name__} does not end in a linear layer on feature vectors: "
                    "a white-box test needs one"
                )
            parts.append(seen[-1].read.double().cpu().numpy())
        weights = seen[-1].layer.weight.double().cpu().numpy()
    return LastLayer(np.concatenate(parts), weights)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A linear layer, what it read and the shape of what it gave."""

    layer: nn.Linear
    read: Tensor
    shape: torch.Size


@contextmanager
def _watching(model: nn.Module) -> Iterator[list[_Seen]]:
    """What the linear layers read and gave, in the order in which they ran."""
    seen: list[_Seen] = []

    def note(layer: nn.Linear, read: tuple[Tensor, ...], gave: Tensor) -> None:
        seen.append(_Seen(layer, read[0], gave.shape))

    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
