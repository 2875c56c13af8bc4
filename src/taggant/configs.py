"""Composed configs as plain values."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf


def plain(config: Any) -> Any:
    """Resolved plain values of a config node; any other value as it is."""
    return OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config
