"""Models that are at hand in Python: modules, and functions of pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from taggant.data.imageset import ImageSet
from taggant.models.architectures import of_timm
from taggant.models.model import (
    AGAINST,
    OUTPUTS,
    VICTIMS,
    Model,
    ModelOptions,
    Target,
    Targets,
    class_numbers,
    local_model,
)
from taggant.models.preprocessing import Preprocessing, WithPreprocessing
from taggant.score.contract import SLACK, SMALLEST
from taggant.score.oracle import QueryError
from taggant.victim.finite_answers import FiniteAnswers
from taggant.victim.victim import Victim

AnyVictim = Victim | FiniteAnswers


def module(net: nn.Module, options: ModelOptions) -> Model:
    """A network at hand: anybody's, compiled or not, or one of this package's victims.

    What it takes is known of victims (uint8 pixels) and of networks that timm made; of any other
    `options` must say it.

    Raises
    ------
    ValueError
        If nothing says what it takes.
    """
    name = type(net).__name__
    if isinstance(net, (Victim, FiniteAnswers)):
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


def victim_model(
    spec: str, fingerprint: str, victim: AnyVictim, size: int | None, options: ModelOptions
) -> Model:
    """One of this package's victims, as a model; pictures are fitted to `size`, if there is one."""
    kind = kind_of(victim)
    options.check_kind(kind, spec)
    network = victim if size is None else WithPreprocessing(victim, Preprocessing(size, None, None))
    targets = caption_targets(victim) if victim.against == "captions" else class_numbers
    loss = getattr(victim, "captioning_loss", None)
    return local_model(
        spec, fingerprint, network, options, kind=kind, targets=targets, captioning_loss=loss
    )


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


def kind_of(victim: AnyVictim) -> str:
    """What one of this package's victims is, see `taggant.models.model.VICTIMS`."""
    asked = victim.answers, victim.against
    for kind, answers in VICTIMS.items():
        if (answers, AGAINST.get(kind)) == asked:
            return kind
    raise ValueError(
        f"{type(victim).__name__} answers with {victim.answers}: accepted are models that answer "
        f"with {', '.join(sorted(set(VICTIMS.values())))}; runs of run.py audit others"
    )


def caption_targets(victim: AnyVictim) -> Targets:
    """Captions as an image-text victim has them; the pictures beside them play no part."""

    def targets(captions: Sequence[Target]) -> Tensor:
        data = ImageSet(
            images=torch.zeros(len(captions), 3, 1, 1, dtype=torch.uint8),
            ids=tuple(map(str, range(len(captions)))),
            labels=None,
            captions=tuple(map(str, captions)),
            name="captions",
            class_names=(),
            mean=(0.5,) * 3,
            std=(0.25,) * 3,
        )
        return victim.targets(data)

    return targets
