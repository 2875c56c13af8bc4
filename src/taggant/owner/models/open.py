"""What ``--model`` may say: a URL, a checkpoint, an ONNX graph, a function, a run folder."""

from __future__ import annotations

from pathlib import Path

from taggant.owner.models.checkpoint import checkpoint
from taggant.owner.models.endpoint import endpoint
from taggant.owner.models.model import ACCEPTED, CHECKPOINTS, Model, ModelOptions
from taggant.owner.models.onnx import onnx_graph
from taggant.owner.models.python_function import python_function
from taggant.owner.models.run_folder import run_folder
from taggant.urls import is_address


def open_model(spec: str, options: ModelOptions) -> Model:
    """The model that a command line names.

    Raises
    ------
    ValueError, FileNotFoundError
        If nothing of the kinds accepted answers to the name.
    """
    if is_address(spec):
        return endpoint(spec, options)
    path = Path(spec)
    if path.is_dir():
        return run_folder(path, options)
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
