"""Files of weights of torchvision's, timm's and open_clip's networks: weights, and nothing else."""

from __future__ import annotations

from pathlib import Path

from taggant.files import sha256
from taggant.models.architectures import Architecture, architecture
from taggant.models.model import Model, ModelOptions, check_answers, local_model
from taggant.models.preprocessing import WithPreprocessing
from taggant.models.state_dict import NoFitError, StateDict, find_state_dict
from taggant.models.weights import read_weights

SUFFIXES = (".pt", ".pth", ".ckpt", ".bin", ".tar", ".safetensors")


def checkpoint(path: Path, options: ModelOptions) -> Model:
    """The network that ``arch`` names, with the weights of a file.

    Raises
    ------
    ValueError
        If the architecture is none of a library's, or the file holds no weights of it.
    """
    if not options.arch:
        raise ValueError(
            f"{path} holds weights alone: {options.key('arch')} says of which network "
            "(torchvision:NAME, timm:NAME, open_clip:NAME)"
        )
    made = architecture(options.arch, options)
    classes = "" if options.victim == "encoder" else f" with {options.class_count} classes"
    named = f"{options.arch}{'' if options.class_count is None else classes}"
    note = _note(path, fill(made, path, named))
    return of_architecture(str(path), sha256(path), made, options, note)


def fill(made: Architecture, path: Path, named: str) -> StateDict:
    """Give a network the weights of a file; returns where they stood.

    Raises
    ------
    ValueError
        If the file holds no weights of it.
    """
    try:
        state = find_state_dict(read_weights(path), made.net.state_dict(), made.heads)
    except NoFitError as error:
        raise ValueError(f"{path} does not fit {named}: it {error}") from error
    made.net.load_state_dict(state.tensors, strict=False)  # what is derived may be missing
    return state


def of_architecture(
    spec: str,
    fingerprint: str,
    made: Architecture,
    options: ModelOptions,
    note: str = "",
    classes: tuple[str, ...] = (),
) -> Model:
    """A network with its weights, as a model."""
    network = WithPreprocessing(made.ask, options.preprocessing(made.preprocessing))
    network.add_module("whole", made.net)  # so that it is moved and put into eval mode as well
    model = local_model(
        spec,
        fingerprint,
        network,
        options,
        kind=made.kind,
        targets=made.targets,
        classes=classes,
        note=note,
    )
    check_answers(model, spec)
    return model


def _note(path: Path, state: StateDict) -> str:
    if not state.others:
        return ""
    others = ", ".join(location or "the top" for location in state.others)
    return (
        f"the weights are those at {state.location or 'the top'} of {path}; at {others} there are "
        "others, which would be another model: save the ones that are meant alone"
    )
