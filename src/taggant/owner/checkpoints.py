"""Checkpoints of torchvision's, timm's and open_clip's networks: weights, and nothing else."""

from __future__ import annotations

import difflib
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from taggant.files import sha256
from taggant.owner.models import LIBRARIES, Fed, Model, Options, Target, local

ACCEPTED = f"LIBRARY:NAME of {', '.join(LIBRARIES)}"


def checkpoint(path: Path, options: Options) -> Model:
    """The network that ``--arch`` names, with the weights of a file.

    Raises
    ------
    ValueError
        If the architecture is none of a library's, or the file holds no weights of it.
    """
    library, _, name = options.arch.partition(":")
    if library not in LIBRARIES or not name:
        raise ValueError(
            f"--arch {options.arch or '(none)'}: needed for {path}; accepted are {ACCEPTED}"
        )
    if (library == "open_clip") != (options.victim == "clip") and options.victim != "encoder":
        raise ValueError(f"--arch {options.arch}: --victim {options.victim} does not fit it")
    net = _architecture(library, name, 0 if options.victim == "encoder" else options.classes)
    weights = _weights(path)
    if options.victim == "encoder":  # without the head that it may have been trained with
        weights = {key: value for key, value in weights.items() if key in net.state_dict()}
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"{path} does not fit {options.arch} with {options.classes} classes: {error}"
        ) from error
    if library == "open_clip":
        return _open_clip(path, name, net, options)
    return local(
        str(path), sha256(path), Fed(net, options.size, options.mean, options.std), options
    )


def _open_clip(path: Path, name: str, net: Any, options: Options) -> Model:
    from taggant.victim.tokens import tokenizer

    cut = tokenizer(name, net.context_length, {})

    @torch.no_grad()
    def targets(captions: Sequence[Target]) -> Tensor:
        embedded: Tensor = net.eval().encode_text(cut([str(c) for c in captions]), normalize=True)
        return embedded.float().cpu()

    fed = Fed(net.encode_image, options.size, options.mean, options.std)
    fed.add_module("whole", net)
    facts = {"targets": targets} if options.victim == "clip" else {}
    return local(str(path), sha256(path), fed, options, **facts)


def _architecture(library: str, name: str, classes: int) -> Any:
    """An untrained network of a library's own; nothing is downloaded."""
    return {"torchvision": _torchvision, "timm": _timm, "open_clip": _of_open_clip}[library](
        name, classes
    )


def _torchvision(name: str, classes: int) -> Any:
    import torchvision

    if classes == 0:
        raise ValueError(
            "--victim encoder: torchvision's networks end in a classifier; accepted are timm, "
            "open_clip, an ONNX file or module:function"
        )
    _known(name, torchvision.models.list_models(module=torchvision.models), "torchvision")
    return torchvision.models.get_model(name, weights=None, num_classes=classes)


def _timm(name: str, classes: int) -> Any:
    import timm

    _known(name.partition(".")[0], timm.list_models(), "timm")
    return timm.create_model(name, num_classes=classes)


def _of_open_clip(name: str, classes: int) -> Any:
    import open_clip

    _known(name, open_clip.list_models(), "open_clip")
    return open_clip.create_model(name, pretrained=None)


def _known(name: str, names: Sequence[str], library: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, 5) or names[:5]
        raise ValueError(f"--arch {library}:{name}: unknown to {library}. Near: {', '.join(near)}")


def _weights(path: Path) -> dict[str, Tensor]:
    """A state dict; whatever was wrapped around it by a training script is taken off."""
    loaded = _loaded(path)
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not all(map(torch.is_tensor, loaded.values())):
        raise ValueError(f"{path}: holds no state_dict")
    return {str(name).removeprefix("module."): value for name, value in loaded.items()}


def _loaded(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path}: holds more than weights, which could run code when read; save its "
            "state_dict, or safetensors"
        ) from error
    except Exception as error:  # a damaged file makes torch and safetensors raise almost anything
        raise ValueError(f"{path}: no file of weights, or damaged ({error!r:.200})") from error
