"""What a stage depends on: plain values, and the code that computes it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

from taggant import code
from taggant.canonical import canonical_json

LIBRARIES = ("torch", "torchvision", "pytorch-lightning", "numpy", "scipy", "timm")
NO_OUTCOME = (
    "taggant.code",
    "taggant.files",
    "taggant.store",
    "taggant.pipeline.defences",
    "taggant.pipeline.markers",
    "taggant.pipeline.scores",
    "taggant.progress",
    "taggant.stop",
)
"""What keeps, hands over, shows or breaks off what others compute: no outcome depends on it."""


def digest(value: object) -> str:
    """32 hex digits of the canonical JSON of plain values (mappings, lists, numbers, strings).

    Values that have been through JSON, in a manifest, have the same.
    """
    plain = json.loads(json.dumps(value, allow_nan=False))  # keys are text before they are sorted
    return hashlib.sha256(canonical_json(plain)).hexdigest()[:32]


def sources(config: object, *kinds: type) -> dict[str, str]:
    """Digest of every module that a stage's outcome may depend on, by the module's name.

    These are the modules of `kinds` and of their bases, those that a ``_target_`` in `config`
    names, and all that these import, directly or not. So an edited method has a new identity, and
    its old artifacts are never taken for its own; a reworded comment changes nothing. Libraries do
    not count: their versions are recorded, and no more.

    Parameters
    ----------
    config : mapping
        Plain values.
    *kinds : type
        The class that computes the stage.

    Raises
    ------
    ModuleNotFoundError
        If a target lies in no package that is there.
    """
    bases = [base for kind in kinds for base in kind.__mro__]
    roots = [f"{base.__module__}.{base.__qualname__}" for base in bases]
    return code.closure([*roots, *_targets(config)], NO_OUTCOME)


def library_versions() -> dict[str, str]:
    """Versions recorded in manifests (not part of an identity)."""
    return {"python": sys.version.split()[0], **{name: version(name) for name in LIBRARIES}}


def _targets(config: object) -> Iterator[str]:
    if isinstance(config, Mapping):
        if isinstance(config.get("_target_"), str):
            yield config["_target_"]
        for value in config.values():
            yield from _targets(value)
    elif isinstance(config, Sequence) and not isinstance(config, str):
        for value in config:
            yield from _targets(value)
