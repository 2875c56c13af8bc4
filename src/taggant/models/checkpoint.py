"""Checkpoints of torchvision's, timm's and open_clip's networks: weights, and nothing else."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from taggant.files import sha256
from taggant.models.model import (
    LIBRARIES,
    Model,
    ModelOptions,
    Target,
    Targets,
    class_numbers,
    local_model,
)
from taggant.models.preprocessing import WithPreprocessing
from taggant.models.state_dict import NoFitError, StateDict, find_state_dict
from taggant.models.weights import read_weights

HEADS = (
    *("fc", "head", "classifier", "last_linear", "predictor", "projector", "projection"),
    *("projection_head", "prototypes"),
)
"""What encoders are trained with, and asked without."""
ACCEPTED = f"LIBRARY:NAME of {', '.join(LIBRARIES)}"


def checkpoint(path: Path, options: ModelOptions) -> Model:
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
    try:
        state = find_state_dict(read_weights(path), net.state_dict(), _heads(net, options))
    except NoFitError as error:
        classes = "" if options.victim == "encoder" else f" with {options.classes} classes"
        raise ValueError(f"{path} does not fit {options.arch}{classes}: it {error}") from error
    net.load_state_dict(state.tensors, strict=False)  # what is derived may be missing
    asked = net if library != "open_clip" else net.encode_image
    network = WithPreprocessing(asked, options.size, options.mean, options.std)
    network.add_module("whole", net)  # so that it is moved and put into eval mode with the rest
    targets = _captions(name, net) if options.victim == "clip" else class_numbers
    note = _note(path, state)
    return local_model(str(path), sha256(path), network, options, targets=targets, note=note)


def _note(path: Path, state: StateDict) -> str:
    if not state.others:
        return ""
    others = ", ".join(location or "the top" for location in state.others)
    return (
        f"the weights are those at {state.location or 'the top'} of {path}; at {others} there are "
        "others, which would be another model: save the ones that are meant alone"
    )


def _heads(net: nn.Module, options: ModelOptions) -> tuple[str, ...]:
    """Modules of a checkpoint that an encoder is asked without."""
    if options.victim != "encoder":
        return ()
    named = getattr(net, "default_cfg", {}).get("classifier") or ()
    return (*HEADS, *([named] if isinstance(named, str) else named))


def _captions(name: str, net: Any) -> Targets:
    from taggant.victim.tokens import tokenizer

    cut = tokenizer(name, net.context_length, {})

    @torch.no_grad()
    def targets(captions: Sequence[Target]) -> Tensor:
        embedded: Tensor = net.eval().encode_text(cut([str(c) for c in captions]), normalize=True)
        return embedded.float().cpu()

    return targets


def _architecture(library: str, name: str, classes: int) -> Any:
    """An untrained network of a library's own; nothing is downloaded."""
    return {"torchvision": _torchvision, "timm": _timm, "open_clip": _of_open_clip}[library](
        name, classes
    )


def _torchvision(name: str, classes: int) -> nn.Module:
    import torchvision

    if classes == 0:
        raise ValueError(
            "--victim encoder: torchvision's networks end in a classifier; accepted are timm, "
            "open_clip, an ONNX file or module:function"
        )
    _known(name, torchvision.models.list_models(module=torchvision.models), "torchvision")
    net: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=classes)
    return net


def _timm(name: str, classes: int) -> nn.Module:
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
