"""A tiny untrained marker, and a tiny smooth one, for tests."""

from __future__ import annotations

import torch
from torch import nn

from taggant.marking.marker import Backbone, Marker


class TinyNet(nn.Module):
    """Two convolutions and a pooling: 32 features of a 16 px image."""

    def __init__(self, activation: type[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            activation(),
            nn.Conv2d(8, 8, 3, padding=1, stride=2),
            activation(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )

    def forward(self, images):
        return self.layers(images)


def backbone(activation: type[nn.Module] = nn.ReLU) -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = TinyNet(activation)
    return Backbone("tiny", net, (0.5, 0.5, 0.5), (0.25, 0.2, 0.25))


def marker(precision: str = "float32", size: int | None = None) -> Marker:
    return Marker(backbone, size, precision)


def smooth_marker() -> Marker:
    return Marker(lambda: backbone(nn.Tanh))
