"""Generative models of a few thousand weights, of images of 16 px."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tests.victim.pairs import TRAINING

from taggant.victim.generative.diffusion import Diffusion
from taggant.victim.generative.latent import LatentDiffusion
from taggant.victim.generative.random_pipeline import write
from taggant.victim.generative.text_to_image import TextToImage

OPTIONS: dict[str, Any] = {
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
}
VAE: dict[str, Any] = {
    "vae_width": 8,
    "vae_multipliers": (1, 1),
    "latents": 2,
    "divergence": 0.001,
    "multipliers": (1,),
    "patch": 1,
}
TEXT: dict[str, Any] = {"samples": 2, "channels": 3, "image_size": 16, **TRAINING}


def tiny_diffusion(seed: int = 0, **changes: Any) -> Diffusion:
    """In four classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Diffusion(**{**OPTIONS, **changes})


def tiny_latent(seed: int = 0, **changes: Any) -> LatentDiffusion:
    """Its latents have 2 channels and 8 pixels a side."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LatentDiffusion(**{**OPTIONS, **VAE, **changes})


@cache
def pipeline() -> Path:
    """Folder of a pipeline in random weights, written once."""
    folder = Path(tempfile.mkdtemp())
    write(folder, width=8, words=8)
    return folder


@cache
def vae() -> Path:
    """Folder of the VAE of a `tiny_latent`, written once."""
    folder = Path(tempfile.mkdtemp())
    tiny_latent(seed=7).vae.save_pretrained(folder)
    return folder


def tiny_text_to_image(rank: int | None = 2, seed: int = 0, **changes: Any) -> TextToImage:
    """Fine-tuned by adapters."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        options = {"pretrained": str(pipeline()), "prompt": None, **TEXT, **changes}
        return TextToImage(rank=rank, **options)
