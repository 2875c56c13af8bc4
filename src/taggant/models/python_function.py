"""A model that the user wrote in Python: ``module:name``."""

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

from torch import Tensor, nn

from taggant.files import sha256
from taggant.models.accepted import accepted
from taggant.models.endpoint import check_access, transport
from taggant.models.model import AGAINST, VICTIMS, Model, ModelOptions, local_model
from taggant.models.module import Checked, module
from taggant.score.oracle import Access, QueryError
from taggant.score.remote import EmbeddingEndpoint, Endpoint, Remote


def python_function(spec: str, options: ModelOptions) -> Model:
    """The function, module or endpoint with its adapter that ``module:name`` names.

    A function maps pictures uint8 [B, C, H, W] to logits [B, classes] or embeddings [B, D].

    Raises
    ------
    ValueError
        If it is not there, or its module does not run.
    """
    module_name, _, name = spec.partition(":")
    named = f"{options.key('model')} {spec}"
    imported = _imported(named, module_name, options)
    found = getattr(imported, name, None)
    source = getattr(imported, "__file__", None)
    fingerprint = sha256(Path(source)) if source else hashlib.sha256(spec.encode()).hexdigest()
    if isinstance(found, Remote):
        return _adapted(spec, fingerprint, found, options)
    if isinstance(found, nn.Module):
        return replace(module(found, options), spec=spec)
    if not callable(found) or isinstance(found, type):
        there = [
            key for key, value in vars(imported).items() if _may_be_meant(key, value, module_name)
        ]
        raise ValueError(
            f"{named}: {module_name} has no function {name!r}, nor an endpoint of that name "
            f"({source or 'built in'} defines {', '.join(there) or 'none'})"
        )
    asked = Checked(_explained(found, named, Path(source or "")), named)
    return local_model(spec, fingerprint, asked, options)


def _may_be_meant(key: str, value: Any, module_name: str) -> bool:
    function = callable(value) and not isinstance(value, type)
    own = function and getattr(value, "__module__", module_name) == module_name
    return not key.startswith("_") and (own or isinstance(value, Remote))


def _imported(named: str, name: str, options: ModelOptions) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"{named}: {name!r} names no module of Python; {accepted(options)}")
    here = Path.cwd()
    own = here / Path(*name.split(".")).with_suffix(".py")
    sys.path.insert(0, str(here))
    importlib.invalidate_caches()
    try:
        imported = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise ValueError(f"{named}: {error}; {accepted(options)}") from error
        raise ValueError(_with_line(named, error, own)) from error
    except (Exception, SystemExit) as error:  # her code may raise anything, or call exit()
        raise ValueError(_with_line(named, error, own)) from error
    finally:
        sys.path.remove(str(here))
    used = Path(getattr(imported, "__file__", None) or "")
    if own.exists() and not (used.is_file() and own.samefile(used)):
        raise ValueError(
            f"{named}: another module of that name is in use already ({imported!r}); rename {own}"
        )
    return imported


def _adapted(spec: str, fingerprint: str, remote: Remote, options: ModelOptions) -> Model:
    """An endpoint with an adapter of its own; pictures per request and classes are its own too."""
    kind = options.kind
    if isinstance(remote, (Endpoint, EmbeddingEndpoint)):
        kind = "classifier" if isinstance(remote, Endpoint) else "encoder"
    options.check_kind(kind, spec)
    reached = transport(options)
    reached["headers"] = {**remote.headers, **options.headers}
    reached["rate"] = options.rate or remote.rate

    def oracle(access: Access) -> Remote:
        check_access(access, options)
        return replace(remote, **reached)

    answers, against = VICTIMS[kind], AGAINST.get(kind)
    return Model(spec, fingerprint, answers, against, oracle, address=remote.url)


def _explained(
    function: Callable[[Tensor], Any], named: str, source: Path
) -> Callable[[Tensor], Any]:
    """A function of the user's, whose errors say where in her code they arose."""

    def ask(images: Tensor) -> Any:
        try:
            return function(images)
        except (Exception, SystemExit) as error:  # her code may raise anything, or call exit()
            raise QueryError(_with_line(named, error, source)) from error

    return ask


def _with_line(named: str, error: BaseException, source: Path) -> str:
    """What the user's code raised, with its line: the last one in her file or one beside it."""
    what = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return f"{named}: {error.filename}, line {error.lineno}: {what}"
    folders = (source.parent, source.with_suffix(""))  # of a module, of a package
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).parent in folders:
            return f"{named}: {frame.filename}, line {frame.lineno} ({frame.line}): {what}"
    return f"{named}: {what}"
