"""Weights on this machine that a config names: what counts is their content, not their path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from taggant.files import sha256

if TYPE_CHECKING:
    from taggant.configs import Plain

KEYS = ("pretrained", "vae", "weights")
"""Whose values are files or folders of weights."""


def by_content(config: Plain) -> Plain:
    """A config with digests of weights on this machine (`KEYS`) in place of their paths."""
    return {key: _by_content(key, value) for key, value in config.items()}


def _by_content(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return by_content(value)
    if key not in KEYS or not isinstance(value, str) or not Path(value).exists():
        return value
    return digests(Path(value))


def digests(weights: Path) -> str | Plain:
    """Digest of a file, or of each file of a folder: all count."""
    if weights.is_file():
        return sha256(weights)
    files = sorted(path for path in weights.rglob("*") if path.is_file())
    return {str(file.relative_to(weights)): sha256(file) for file in files}
