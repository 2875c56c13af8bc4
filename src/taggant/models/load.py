"""One loader for the models that people have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.export import ExportedProgram

from taggant.models.accepted import accepted
from taggant.models.architectures import LIBRARIES
from taggant.models.archive import check_no_program
from taggant.models.checkpoint import SUFFIXES, checkpoint
from taggant.models.endpoint import endpoint
from taggant.models.hugging_face.model import hugging_face
from taggant.models.model import Model, ModelOptions
from taggant.models.module import function, module
from taggant.models.onnx_graph import onnx_graph
from taggant.models.pretrained import pretrained
from taggant.models.python_function import python_function
from taggant.urls import is_address

Loadable = str | Path | nn.Module | Callable[[Tensor], Any]
"""What can be loaded; see docs/models.md."""


def load(model: Loadable, options: ModelOptions | None = None) -> Model:
    """The model that an object, a name, a file or an address stands for.

    Parameters
    ----------
    model : str, Path, nn.Module or callable
        A module, compiled or not; a function of pictures uint8 [B, 3, H, W]; a URL;
        ``torchvision:NAME``, ``timm:NAME``, ``open_clip:NAME`` with a file of weights or with the
        library's own, which are downloaded; ``timm:FOLDER``, ``open_clip:FOLDER``; ``hf:FOLDER``
        or ``hf:ID`` of the transformers library; a file of weights with its architecture; an ONNX
        file; ``module:function``.
    options : ModelOptions, optional
        What the name does not say.

    Raises
    ------
    ValueError, FileNotFoundError
        If nothing of the kinds accepted answers to the name; the next step is named.
    ModuleNotFoundError
        If a library is not installed; the extra that brings it is named.
    """
    options = options or ModelOptions()
    if isinstance(model, nn.Module):
        return module(model, options)
    if not isinstance(model, (str, Path)):
        if isinstance(model, ExportedProgram):
            raise ValueError(f"{options.key('model')}: of an exported program, give .module()")
        if not callable(model):
            raise ValueError(f"{options.key('model')} {model!r}: {accepted(options)}")
        return function(model, options)
    return _named(str(model), options)


def _named(spec: str, options: ModelOptions) -> Model:
    if is_address(spec):
        return endpoint(spec, options)
    path, library = Path(spec), spec.partition(":")[0]
    if library in LIBRARIES and not path.exists():
        if options.weights is None:
            return pretrained(spec, options)
        return checkpoint(options.weights, replace(options, arch=spec))
    if library == "hf" and not path.exists():
        return hugging_face(spec, options)
    if path.is_file():
        check_no_program(path)
    if path.suffix.lower() in SUFFIXES and path.is_file():
        return checkpoint(path, options)
    if options.kind in ("clip", "captioner"):
        raise ValueError(
            f"{options.key('model')} {spec}: {options.key('victim')} {options.kind}; accepted are "
            f"a run folder, hf:FOLDER, or {options.key('arch')} open_clip:NAME"
        )
    if path.suffix.lower() == ".onnx" and path.is_file():
        return onnx_graph(path, options)
    if ":" in spec and not path.exists():
        return python_function(spec, options)
    if not path.exists():
        missing = f"{options.key('model')} {spec}: no such file or folder"
        raise FileNotFoundError(f"{missing}; {accepted(options)}")
    raise ValueError(f"{options.key('model')} {spec}: {accepted(options)}")
