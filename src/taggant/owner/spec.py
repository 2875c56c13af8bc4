"""What ``--model`` may say: a URL, a checkpoint, an ONNX graph, a function, a run folder."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from taggant.files import sha256
from taggant.owner.checkpoints import CHECKPOINTS, LIBRARIES, checkpoint
from taggant.owner.models import Fed, Model, Options, local
from taggant.owner.run_folder import run_folder
from taggant.score.access import Embedding, Full
from taggant.score.remote import EmbeddingEndpoint, Endpoint, Remote
from taggant.urls import is_address, shown

NAMED = (
    "accepted are a URL, module:function, a run.py run folder, FILE.onnx, or a checkpoint "
    f"({', '.join(CHECKPOINTS)}) with --arch LIBRARY:NAME ({', '.join(LIBRARIES)})"
)


def open_model(spec: str, options: Options) -> Model:
    """The model that a command line names.

    Raises
    ------
    ValueError, FileNotFoundError
        If nothing of the kinds accepted answers to the name.
    """
    if is_address(spec):
        return _endpoint(spec, options)
    path = Path(spec)
    if path.is_dir():
        return run_folder(path, options)
    if path.suffix in CHECKPOINTS and path.exists():
        return checkpoint(path, options)
    if options.victim == "clip":
        raise ValueError(
            f"--victim clip: accepted are a run folder, or --arch open_clip:NAME; {spec}"
        )
    if path.suffix == ".onnx" and path.exists():
        fed = Fed(_onnx(path), options.size, options.mean, options.std)
        return local(spec, sha256(path), fed, options)
    if ":" in spec and not path.exists():
        return _function(spec, options)
    if not path.exists():
        raise FileNotFoundError(f"--model {spec}: no such file or folder; {NAMED}")
    raise ValueError(f"--model {spec}: {NAMED}")


def _endpoint(url: str, options: Options) -> Model:
    if options.victim == "clip":
        raise ValueError(
            "--victim clip: an endpoint answers with confidences, labels or embeddings; accepted "
            "are classifier and encoder (for others, ask through module:function)"
        )

    def oracle(access: Any) -> Remote:
        if not isinstance(access, (Full, Embedding)):
            raise ValueError("--access: what an endpoint shows is for itself to say; leave it out")
        asked: dict[str, Any] = {
            "batch_size": options.batch_size,
            "timeout": options.timeout,
            "retries": options.retries,
            "rate": options.rate,
            "headers": dict(options.headers),
        }
        if options.victim == "encoder":
            return EmbeddingEndpoint(url, **asked)
        return Endpoint(url, classes=options.classes, **asked)

    named = shown(url)
    fingerprint = hashlib.sha256(named.encode()).hexdigest()
    return Model(named, fingerprint, options.answers, options.against, oracle, address=url)


def _onnx(path: Path) -> Callable[[Tensor], Tensor]:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        message = "ONNX files need onnxruntime: pip install 'taggant[onnx]'"
        raise ModuleNotFoundError(message) from error
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # each of onnxruntime's errors derives from Exception alone
        raise ValueError(f"{path}: no ONNX graph ({str(error)[:200]})") from error
    name = session.get_inputs()[0].name

    def run(pixels: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: pixels.cpu().numpy()})[0])

    return run


def _function(spec: str, options: Options) -> Model:
    """module:function: pictures uint8 [B, C, H, W] -> logits [B, classes] or embeddings [B, D]."""
    module_name, _, name = spec.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ValueError(f"--model {spec}: {error}; {NAMED}") from error
    finally:
        sys.path.pop(0)
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"--model {spec}: {module_name} has no function {name!r}")
    source = getattr(module, "__file__", None)
    fingerprint = sha256(Path(source)) if source else hashlib.sha256(spec.encode()).hexdigest()
    return local(spec, fingerprint, _Function(function), options)


class _Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        return torch.as_tensor(self.function(images))
