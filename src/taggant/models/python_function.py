"""A model that the user wrote in Python: ``--model module:name``."""

from __future__ import annotations

import hashlib
import importlib
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from taggant.files import sha256
from taggant.models.endpoint import check_access, transport
from taggant.models.model import ACCEPTED, Model, ModelOptions, local_model
from taggant.score.oracle import Access, QueryError
from taggant.score.remote import EmbeddingEndpoint, Endpoint, Remote


def python_function(spec: str, options: ModelOptions) -> Model:
    """The function, or the endpoint with its adapter, that ``module:name`` names.

    A function maps pictures uint8 [B, C, H, W] to logits [B, classes] or embeddings [B, D].

    Raises
    ------
    ValueError
        If it is not there, or its module does not run.
    """
    module_name, _, name = spec.partition(":")
    module = _imported(spec, module_name)
    found = getattr(module, name, None)
    source = getattr(module, "__file__", None)
    fingerprint = sha256(Path(source)) if source else hashlib.sha256(spec.encode()).hexdigest()
    if isinstance(found, Remote):
        return _adapted(spec, fingerprint, found, options)
    if not callable(found) or isinstance(found, type):
        there = [
            key for key, value in vars(module).items() if _may_be_meant(key, value, module_name)
        ]
        raise ValueError(
            f"--model {spec}: {module_name} has no function {name!r}, nor an endpoint of that name "
            f"({source or 'built in'} defines {', '.join(there) or 'none'})"
        )
    return local_model(spec, fingerprint, _FunctionModel(spec, found, Path(source or "")), options)


def _may_be_meant(key: str, value: Any, module_name: str) -> bool:
    function = callable(value) and not isinstance(value, type)
    own = function and getattr(value, "__module__", module_name) == module_name
    return not key.startswith("_") and (own or isinstance(value, Remote))


def _imported(spec: str, name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"--model {spec}: {name!r} names no module of Python; {ACCEPTED}")
    here = Path.cwd()
    own = here / Path(*name.split(".")).with_suffix(".py")
    sys.path.insert(0, str(here))
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise ValueError(f"--model {spec}: {error}; {ACCEPTED}") from error
        raise ValueError(_with_line(spec, error, own)) from error
    except (Exception, SystemExit) as error:  # her code may raise anything, or call exit()
        raise ValueError(_with_line(spec, error, own)) from error
    finally:
        sys.path.remove(str(here))
    used = Path(getattr(module, "__file__", None) or "")
    if own.exists() and not (used.is_file() and own.samefile(used)):
        raise ValueError(
            f"--model {spec}: another module of that name is in use already ({module!r}); rename "
            f"{own}"
        )
    return module


def _adapted(spec: str, fingerprint: str, remote: Remote, options: ModelOptions) -> Model:
    """An endpoint with an adapter of its own; pictures per request and classes are its own too."""
    gives = options.victim
    if isinstance(remote, (Endpoint, EmbeddingEndpoint)):
        gives = "classifier" if isinstance(remote, Endpoint) else "encoder"
    if options.victim != gives:
        raise ValueError(f"--victim {options.victim}: {spec} answers as a {gives}")
    reached = transport(options)
    reached["headers"] = {**remote.headers, **options.headers}
    reached["rate"] = options.rate or remote.rate

    def oracle(access: Access) -> Remote:
        check_access(access)
        return replace(remote, **reached)

    return Model(spec, fingerprint, options.answers, options.against, oracle, address=remote.url)


class _FunctionModel(nn.Module):
    def __init__(self, spec: str, function: Callable[[Tensor], Any], source: Path) -> None:
        super().__init__()
        self.spec = spec
        self.function = function
        self.source = source

    def forward(self, images: Tensor) -> Tensor:
        try:
            answers = torch.as_tensor(self.function(images))
        except (Exception, SystemExit) as error:  # her code may raise anything, or call exit()
            raise QueryError(_with_line(self.spec, error, self.source)) from error
        if answers.ndim != 2 or len(answers) != len(images):
            raise QueryError(
                f"--model {self.spec}: to pictures {list(images.shape)} it gave "
                f"{list(answers.shape)}; accepted is [{len(images)}, classes or features]"
            )
        return answers


def _with_line(spec: str, error: BaseException, source: Path) -> str:
    """What the user's code raised, with its line: the last one in her file or one beside it."""
    what = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return f"--model {spec}: {error.filename}, line {error.lineno}: {what}"
    folders = (source.parent, source.with_suffix(""))  # of a module, of a package
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).parent in folders:
            return f"--model {spec}: {frame.filename}, line {frame.lineno} ({frame.line}): {what}"
    return f"--model {spec}: {what}"
