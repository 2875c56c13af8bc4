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


def sources(config: Any) -> dict[str, str]:
    """Source hash of every module that a ``_target_`` in `config` names.

    An edited method gets a new identity, so its old artifacts are never taken for its own.
    """
    return {target: _source_of(target) for target in sorted(set(_targets(config)))}


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
    """Hash of the module a target lies in; library modules count by name and version."""
    module = target
    while "." in module:
        module = module.rpartition(".")[0]
        try:
            spec = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            continue
        if spec is not None and spec.origin is not None:
            package = module.partition(".")[0]
            if package != "taggant":
                return package
            return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()[:16]
    raise ModuleNotFoundError(f"_target_ {target!r}: no such module")
