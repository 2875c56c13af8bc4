"""A diffusion model of a few thousand weights."""

from __future__ import annotations

from typing import Any

import torch
from tests.victim.pairs import TRAINING

from taggant.victim.generative.diffusion import Diffusion


def tiny_diffusion(seed: int = 0, **changes: Any) -> Diffusion:
    """Of images of 16 px in four classes."""
    options = {
        "conditional": False,
        "ema": 0.5,
        "samples": 2,
        "pretrained": None,
        "classes": 4,
        "channels": 3,
        "image_size": 16,
        "width": 4,
        "multipliers": (1, 2),
        "patch": 4,
        **TRAINING,
        **changes,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Diffusion(**options)
