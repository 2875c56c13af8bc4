"""A network that was saved as an ONNX graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from taggant.extras import library
from taggant.files import sha256
from taggant.models.model import Model, ModelOptions, local_model
from taggant.models.preprocessing import LARGEST, Preprocessing, WithPreprocessing
from taggant.models.weights import check_binary

TYPES = {
    "tensor(float)": torch.float32,
    "tensor(float16)": torch.float16,
    "tensor(double)": torch.float64,
}


def onnx_graph(path: Path, options: ModelOptions) -> Model:
    """The model of an ONNX file, which takes pictures [N, 3, size, size].

    Raises
    ------
    ValueError
        If the file is none, or its graph takes something else.
    ModuleNotFoundError
        If onnxruntime is not installed.
    """
    onnxruntime = library("onnxruntime", str(path))
    check_binary(path)
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # each of onnxruntime's errors derives from Exception alone
        raise ValueError(f"{path}: no ONNX graph ({str(error)[:200]})") from error
    preprocessing = options.preprocessing(Preprocessing(size=_side(session) or 224))
    run = _Graph(path, session, preprocessing.size, options.key("size"))
    asked = WithPreprocessing(run, preprocessing)
    outputs = [one.name for one in session.get_outputs()]
    several = f"the graph of {path} gives {', '.join(outputs)}; {outputs[0]} is read"
    note = several if len(outputs) > 1 else ""
    return local_model(str(path), sha256(path), asked, options, note=note)


class _Graph:
    """Runs a graph in the batch that it was made for."""

    def __init__(self, path: Path, session: Any, size: int, key: str) -> None:
        self.path = path
        self.session = session
        inputs = session.get_inputs()
        shape = list(inputs[0].shape)
        if len(inputs) != 1 or inputs[0].type not in TYPES or not _takes(shape, size):
            named = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
            raise ValueError(
                f"{path}: its graph takes {named}; accepted is one tensor of floats [N, 3, {size}, "
                f"{size}] ({key} {size})"
            )
        self.name = inputs[0].name
        self.type = TYPES[inputs[0].type]
        self.batch = shape[0] if isinstance(shape[0], int) else None

    def __call__(self, pixels: Tensor) -> Tensor:
        """Answers [B, ...] to pixels [B, 3, size, size]."""
        pixels = pixels.cpu().to(self.type)
        return torch.cat([self._run(part) for part in pixels.split(self.batch or len(pixels))])

    def _run(self, part: Tensor) -> Tensor:
        count = len(part)
        if self.batch is not None and count < self.batch:
            part = torch.cat([part, part[-1:].expand(self.batch - count, *part.shape[1:])])
        try:
            answers = self.session.run(None, {self.name: part.numpy()})[0]
        except Exception as error:  # each of onnxruntime's errors derives from Exception alone
            raise ValueError(f"{self.path}: its graph failed ({str(error)[:200]})") from error
        return torch.from_numpy(answers)[:count]


def _side(session: Any) -> int | None:
    """Side of the squares that a graph takes, if it says so."""
    shape = session.get_inputs()[0].shape
    side = shape[-1] if len(shape) == 4 else None
    return side if isinstance(side, int) and 1 <= side <= LARGEST else None


def _takes(shape: list[Any], size: int) -> bool:
    """Whether dimensions, of which unknown ones are no numbers, allow squares of that side."""
    wanted = (None, 3, size, size)
    return len(shape) == 4 and all(
        want is None or not isinstance(there, int) or there == want
        for there, want in zip(shape, wanted, strict=True)
    )
