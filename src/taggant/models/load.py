"""One loader for the models that people have."""

from __future__ import annotations

from pathlib import Path

from taggant.models.checkpoint import checkpoint
from taggant.models.endpoint import endpoint
from taggant.models.model import ACCEPTED, CHECKPOINTS, Model, ModelOptions
from taggant.models.onnx_graph import onnx_graph
from taggant.models.python_function import python_function
from taggant.urls import is_address


def load(spec: str, options: ModelOptions) -> Model:
    """The model that a name, a file or an address stands for.

    Raises
    ------
    ValueError, FileNotFoundError
        If nothing of the kinds accepted answers to the name.
    """
    if is_address(spec):
        return endpoint(spec, options)
    path = Path(spec)
    if path.suffix.lower() in CHECKPOINTS and path.exists():
        return checkpoint(path, options)
    if options.victim == "clip":
        raise ValueError(
            f"--victim clip: accepted are a run folder, or --arch open_clip:NAME; {spec}"
        )
    if path.suffix.lower() == ".onnx" and path.exists():
        return onnx_graph(path, options)
    if ":" in spec and not path.exists():
        return python_function(spec, options)
    if not path.exists():
        raise FileNotFoundError(f"--model {spec}: no such file or folder; {ACCEPTED}")
    raise ValueError(f"--model {spec}: {ACCEPTED}")
