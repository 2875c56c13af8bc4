"""Shared by all tests: tiny seeded data, one thread."""

from __future__ import annotations

import os
from pathlib import Path

os.environ["WANDB_MODE"] = "offline"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import pytest
import torch

from taggant.data.imageset import ImageSet, content_ids


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def random_set(count: int, seed: int = 0, size: int = 16, classes: int = 4) -> ImageSet:
    """Noise images with random labels."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
    labels = torch.randint(classes, (count,), generator=generator)
    return ImageSet(
        images=images,
        ids=content_ids(images),
        labels=labels,
        captions=None,
        name="noise",
        class_names=tuple(f"class {i}" for i in range(classes)),
        mean=(0.5, 0.5, 0.5),
        std=(0.29, 0.29, 0.29),
    )


@pytest.fixture
def noise() -> ImageSet:
    """32 noise images, 4 classes, 16 px."""
    return random_set(32)


ROOT = Path(__file__).parents[1]
