"""Models that are at hand in Python: modules, and functions of pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from taggant.models.architectures import of_timm
from taggant.models.model import OUTPUTS, Model, ModelOptions, local_model
from taggant.models.preprocessing import WithPreprocessing
from taggant.score.contract import SLACK, SMALLEST
from taggant.score.oracle import QueryError


def module(net: nn.Module, options: ModelOptions) -> Model:
    """A network at hand: anybody's, compiled or not, or one of this package's victims.

    What it takes is known of victims (uint8 pixels) and of networks that timm made; of any other
    `options` must say it.

    Raises
    ------
    ValueError
        If nothing says what it takes.
    """
    from taggant.models.victims import AnyVictim, victim_model  # Lightning, which takes seconds

    name = type(net).__name__
    if isinstance(net, AnyVictim):
        return victim_model(name, weights_digest(net), net, options.size, options)
    checked = Checked(net, name, options.outputs)
    if options.preprocess is not None:
        network = WithPreprocessing(checked, options.preprocess)
        return local_model(name, weights_digest(net), network, options)
    config = getattr(net, "pretrained_cfg", None)
    if isinstance(config, dict) and "input_size" in config:
        preprocessing = options.preprocessing(of_timm(config))
    elif options.size and options.mean and options.std:
        preprocessing = options.preprocessing()
    else:
        size, mean, std = map(options.key, ("size", "mean", "std"))
        raise ValueError(
            f"{name}: what it takes is not known. Say {size}, {mean} and {std} of its input, for "
            "pixels of 0..1 (often 224 and taggant.models.preprocessing.IMAGENET), or give a "
            "function of pictures uint8 [B, 3, H, W] in its place"
        )
    network = WithPreprocessing(checked, preprocessing)
    return local_model(name, weights_digest(net), network, options)


def function(ask: Callable[[Tensor], Any], options: ModelOptions) -> Model:
    """A function of pictures uint8 [B, C, H, W] that gives logits or embeddings [B, ...]."""
    name = getattr(ask, "__qualname__", type(ask).__name__)
    spec = f"{getattr(ask, '__module__', '?')}.{name}"
    fingerprint = hashlib.sha256(spec.encode()).hexdigest()
    note = "of a function, nothing but the name is in the fingerprint"
    network: nn.Module = Checked(ask, spec, options.outputs)
    if options.preprocess is not None:
        network = WithPreprocessing(network, options.preprocess)
    return local_model(spec, fingerprint, network, options, note=note)


class Checked(nn.Module):
    """Takes what a function or a module answers as a tensor, after a look at its shape.

    Parameters
    ----------
    ask : callable
        Images [B, ...] -> logits or embeddings [B, D]: a tensor, an array, or an object of the
        transformers library that has them as ``logits``.
    name : str
        For messages.
    outputs : str
        One of `taggant.models.model.OUTPUTS`; of probabilities the logarithm is taken.
    """

    def __init__(self, ask: Callable[[Tensor], Any], name: str, outputs: str = OUTPUTS[0]) -> None:
        super().__init__()
        self.ask = ask
        self.name = name
        self.outputs = outputs

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, ...] to answers [B, D]."""
        answered = self.ask(images)
        try:
            answers = torch.as_tensor(getattr(answered, "logits", answered))
        except (TypeError, ValueError, RuntimeError) as error:
            raise QueryError(
                f"{self.name}: to pictures {list(images.shape)} it gave {answered!r:.80}, no tensor"
            ) from error
        if answers.ndim != 2 or len(answers) != len(images):
            raise QueryError(
                f"{self.name}: to pictures {list(images.shape)} it gave {list(answers.shape)}; "
                f"accepted is [{len(images)}, classes or features]"
            )
        return answers if self.outputs == OUTPUTS[0] else self._logarithm(answers)

    def _logarithm(self, probabilities: Tensor) -> Tensor:
        least, total = float(probabilities.min()), probabilities.sum(1)
        if least < 0 or float((total - 1).abs().max()) > SLACK:
            raise QueryError(
                f"{self.name}: with outputs='probabilities' a row of answers must hold numbers "
                f"of 0..1 that sum to 1; the least is {least:.4g}, and row 0 sums to "
                f"{float(total[0]):.4g}. Numbers before softmax are outputs='logits'"
            )
        return probabilities.clamp(min=SMALLEST).log()


def weights_digest(net: nn.Module) -> str:
    """SHA-256 of a network's weights and buffers, by name; of its kind, the class's name alone."""
    found = hashlib.sha256(type(net).__name__.encode())
    for name, tensor in sorted(net.state_dict().items()):
        found.update(f"{name}{list(tensor.shape)}{tensor.dtype}".encode())
        found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
