"""Noise images with captions, and a tiny image-text model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.conftest import random_set

from taggant.data.imageset import ImageSet
from taggant.victim.captioner import Captioner
from taggant.victim.clip import Clip

CONFIG: dict[str, Any] = {
    "embed_dim": 8,
    "vision_cfg": {"layers": 1, "width": 16, "head_width": 8, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 600, "width": 16, "heads": 2, "layers": 1},
}
TRAINING: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 8,
    "lr": 0.01,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "snapshots": 1,
}
COMMON: dict[str, Any] = {
    "pretrained": None,
    "normalisation": "data",
    "channels": 3,
    "image_size": 16,
    "mean": (0.5, 0.4, 0.3),
    "std": (0.2, 0.3, 0.4),
    **TRAINING,
}


def pairs(count: int, seed: int = 0) -> ImageSet:
    """Images of 16 px, no labels, each with a caption of its own."""
    captions = tuple(f"{seed} {i}" for i in range(count))
    return replace(random_set(count, seed), labels=None, captions=captions)


def tiny_captioner(**changes: Any) -> Captioner:
    """A model of 40,000 weights."""
    vision = {**CONFIG["vision_cfg"], "attn_pooler_queries": 4}
    options = {
        "model": "coca_ViT-B-32",
        "config": {**CONFIG, "vision_cfg": vision},
        "decoder": {"heads": 2, "layers": 1},
        "caption_weight": 2.0,
    }
    return Captioner(**{**COMMON, **options, **changes})


def tiny_clip(**changes: Any) -> Clip:
    """A model of 15,000 weights."""
    return Clip(**{**COMMON, "model": "ViT-B-32", "config": CONFIG, **changes})
