"""Composed configs as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

Plain = Mapping[str, Any]
"""Values of a config or of a JSON file, by name; what kinds they are only their reader knows."""


def plain(config: object) -> Any:
    """Resolved plain values of a config node; any other value as it is."""
    return OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config
