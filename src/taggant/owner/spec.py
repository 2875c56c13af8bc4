"""What ``--model`` may say: a URL, a checkpoint, an ONNX graph, a function, a run folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from taggant.owner.checkpoints import checkpoint
from taggant.owner.models import CHECKPOINTS, NAMED, Model, Options
from taggant.owner.onnx_graph import onnx_graph
from taggant.owner.python_model import check_access, python_model, transport
from taggant.owner.run_folder import run_folder
from taggant.score.remote import EmbeddingEndpoint, Endpoint, Remote
from taggant.urls import is_address, shown


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
    if path.suffix.lower() in CHECKPOINTS and path.exists():
        return checkpoint(path, options)
    if options.victim == "clip":
        raise ValueError(
            f"--victim clip: accepted are a run folder, or --arch open_clip:NAME; {spec}"
        )
    if path.suffix.lower() == ".onnx" and path.exists():
        return onnx_graph(path, options)
    if ":" in spec and not path.exists():
        return python_model(spec, options)
    if not path.exists():
        raise FileNotFoundError(f"--model {spec}: no such file or folder; {NAMED}")
    raise ValueError(f"--model {spec}: {NAMED}")


def _endpoint(url: str, options: Options) -> Model:
    if options.victim == "clip":
        raise ValueError(
            "--victim clip: an endpoint answers with confidences, labels or embeddings; accepted "
            "are classifier and encoder (for others, ask through module:function)"
        )
    asked: dict[str, Any] = {"batch_size": options.batch_size, **transport(options)}

    def oracle(access: Any) -> Remote:
        check_access(access)
        if options.victim == "encoder":
            return EmbeddingEndpoint(url, **asked)
        return Endpoint(url, classes=options.classes, **asked)

    named = shown(url)
    fingerprint = hashlib.sha256(named.encode()).hexdigest()
    return Model(named, fingerprint, options.answers, options.against, oracle, address=url)
