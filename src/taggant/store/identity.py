"""Digests of what a stage depends on."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "torchvision", "pytorch-lightning", "numpy", "scipy", "timm")


def digest(value: Any) -> str:
    """32 hex digits of the canonical JSON of plain values (mappings, lists, numbers, strings)."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def sources(config: Any, modules: Sequence[str] = ()) -> dict[str, str]:
    """Source hash of every module that a ``_target_`` in `config` names, and of `modules`.

    An edited method gets a new identity, so its old artifacts are never taken for its own. A
    package counts with all its files.
    """
    hashes = {target: _source_of(target) for target in _targets(config)}
    return hashes | {module: _module_hash(module) for module in modules}


def library_versions() -> dict[str, str]:
    """Versions recorded in manifests (not part of an identity)."""
    return {"python": sys.version.split()[0], **{name: version(name) for name in LIBRARIES}}


def _targets(config: Any) -> Iterator[str]:
    if isinstance(config, Mapping):
        if isinstance(config.get("_target_"), str):
            yield config["_target_"]
        for value in config.values():
            yield from _targets(value)
    elif isinstance(config, Sequence) and not isinstance(config, str):
        for value in config:
            yield from _targets(value)


@cache
def _source_of(target: str) -> str:
    """Hash of the module a target lies in; library modules count by name."""
    module = target
    while "." in module:
        module = module.rpartition(".")[0]
        try:
            spec = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            continue
        if spec is not None and spec.origin is not None:
            package = module.partition(".")[0]
            return _module_hash(module) if package == "taggant" else package
    raise ModuleNotFoundError(f"_target_ {target!r}: no such module")


@cache
def _module_hash(module: str) -> str:
    """Hash of a module's file, or of all Python files of a package."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module}: no such module")
    origin = Path(spec.origin)
    if spec.submodule_search_locations is None:
        return _hash(origin.read_bytes())
    files = sorted(origin.parent.rglob("*.py"))
    named = [f"{p.relative_to(origin.parent).as_posix()} {_hash(p.read_bytes())}" for p in files]
    return _hash("\n".join(named).encode())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
