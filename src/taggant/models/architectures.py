"""Untrained networks of torchvision, timm and open_clip, with what each takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from taggant.models.model import ModelOptions, Target, Targets, class_numbers
from taggant.models.preprocessing import IMAGENET, Preprocessing
from taggant.networks import headless, timm_network, torchvision_network

LIBRARIES = ("torchvision", "timm", "open_clip")
HEADS = (
    *("fc", "head", "classifier", "last_linear", "predictor", "projector", "projection"),
    *("projection_head", "prototypes"),
)
"""What encoders are trained with, and asked without."""


@dataclass(frozen=True)
class Architecture:
    """A network that takes weights.

    Attributes
    ----------
    net : nn.Module
        What the weights are of.
    kind : str
        What it is; see `taggant.models.model.VICTIMS`.
    ask : callable
        Normalised images float [B, 3, size, size] -> answers; of `net`, or itself.
    preprocessing : Preprocessing
        As its library has it.
    targets : callable
        See `taggant.models.model.Model`.
    heads : tuple of str
        Modules that weights may hold besides, and that it is asked without.
    """

    net: nn.Module
    kind: str
    ask: Callable[[Tensor], Tensor]
    preprocessing: Preprocessing
    targets: Targets = class_numbers
    heads: tuple[str, ...] = ()


def architecture(arch: str, options: ModelOptions) -> Architecture:
    """What LIBRARY:NAME stands for; nothing is downloaded.

    Raises
    ------
    ValueError
        For another library, an unknown name, or a kind of model that it is not.
    """
    library, _, name = arch.partition(":")
    makers = {"torchvision": _torchvision, "timm": _timm, "open_clip": _open_clip}
    if library not in makers or not name:
        raise ValueError(
            f"{options.key('arch')} {arch or '(none)'}: accepted are LIBRARY:NAME of "
            f"{', '.join(LIBRARIES)}"
        )
    if (library == "open_clip") != (options.kind == "clip") and options.kind != "encoder":
        raise ValueError(
            f"{options.key('arch')} {arch}: {options.key('victim')} {options.kind} does not fit it"
        )
    return makers[library](options.key("arch"), name, options)


def _torchvision(key: str, name: str, options: ModelOptions) -> Architecture:
    classes = {} if options.class_count is None else {"num_classes": options.class_count}
    net = torchvision_network(f"{key} torchvision:NAME", name, weights=None, **classes)
    if options.kind == "encoder":
        net, _ = headless(net, key)
    heads = HEADS if options.kind == "encoder" else ()
    return Architecture(net, options.kind, net, of_torchvision(name), heads=heads)


def _timm(key: str, name: str, options: ModelOptions) -> Architecture:
    classes = 0 if options.kind == "encoder" else options.class_count
    net = timm_network(f"{key} timm:NAME", name, num_classes=classes)
    config: dict[str, Any] = getattr(net, "pretrained_cfg", {})
    heads: tuple[str, ...] = ()
    if options.kind == "encoder":
        named = config.get("classifier") or ()
        heads = (*HEADS, *([named] if isinstance(named, str) else named))
    return Architecture(net, options.kind, net, of_timm(config), heads=heads)


def _open_clip(key: str, name: str, options: ModelOptions) -> Architecture:
    import open_clip  # seconds, which only its networks should cost

    check_open_clip(key, name)
    net = open_clip.create_model(name, pretrained=None)
    return of_open_clip(net, name, options.kind)


def check_open_clip(key: str, name: str) -> None:
    """Refuse what is no architecture of open_clip's own.

    Raises
    ------
    ValueError
    """
    import open_clip

    known = open_clip.list_models()
    if name not in known:
        raise ValueError(f"{key} open_clip:NAME = {name!r}: accepted are {', '.join(known)}")


def of_open_clip(net: Any, name: str, kind: str) -> Architecture:
    """An open_clip model, by the tokenizer of the architecture `name`."""
    from taggant.victim.tokens import tokenizer  # imports open_clip

    cut = tokenizer(name, net.context_length, {})

    @torch.no_grad()
    def targets(captions: Sequence[Target]) -> Tensor:
        embedded: Tensor = net.eval().encode_text(cut([str(c) for c in captions]), normalize=True)
        return embedded.float().cpu()

    shown = net.visual.preprocess_cfg
    squash = shown["resize_mode"] == "squash"
    size = shown["size"] if isinstance(shown["size"], int) else max(shown["size"])
    preprocessing = Preprocessing(
        size=size,
        mean=tuple(shown["mean"]),
        std=tuple(shown["std"]),
        interpolation=shown["interpolation"],
        edge=None if squash else size,
        squash=squash,
    )
    captions = targets if kind == "clip" else class_numbers
    return Architecture(net, kind, net.encode_image, preprocessing, captions)


def of_torchvision(name: str) -> Preprocessing:
    """What torchvision's own weights of a network take; the usual one where it has none."""
    import torchvision

    weights = list(torchvision.models.get_model_weights(name))
    if not weights:
        return Preprocessing(interpolation="bilinear")
    shown = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    size, edge = shown.crop_size[0], shown.resize_size[0]
    return Preprocessing(
        size=size,
        mean=tuple(shown.mean),
        std=tuple(shown.std),
        interpolation=shown.interpolation.value,
        edge=max(size, edge),
    )


def of_timm(config: dict[str, Any]) -> Preprocessing:
    """What timm's config of a network's pretrained weights says that it takes.

    Raises
    ------
    ValueError
        If it takes no squares.
    """
    usual, mode = Preprocessing(), config.get("crop_mode") or "center"
    _, *sides = config.get("input_size") or (3, usual.size, usual.size)
    if mode not in ("center", "squash") or len(set(sides)) != 1:
        raise ValueError(
            f"{config.get('architecture', 'the network')} takes pictures {sides}, fitted by "
            f"{mode!r}; accepted are squares, by 'center' or 'squash'. Give a function of pictures "
            "uint8 [B, 3, H, W] that fits them in its place"
        )
    side, share = int(sides[0]), float(config.get("crop_pct") or 1.0)
    return Preprocessing(
        size=side,
        mean=tuple(map(float, config.get("mean") or IMAGENET[0])),
        std=tuple(map(float, config.get("std") or IMAGENET[1])),
        interpolation=str(config.get("interpolation") or usual.interpolation),
        edge=None if mode == "squash" else max(side, int(side / share)),
        squash=mode == "squash",
    )
