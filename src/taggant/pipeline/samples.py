"""A few pictures for the reader of a report."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from taggant.files import write_atomically

COUNT = 6


def save_samples(folder: Path, raw: Tensor, published: Tensor) -> None:
    """Keep the first raw images and what was published of them, uint8 [M, C, H, W] each."""
    pictures = {"raw": raw[:COUNT], "published": published[:COUNT]}
    held = {name: images.contiguous() for name, images in pictures.items()}
    write_atomically(folder / "samples.safetensors", save(held))
