from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.conftest import random_set
from torch import nn

from taggant.auditing.whole_set.last_layer import last_layer
from taggant.victim.architectures import densenet, from_timm, from_torchvision, vgg
from taggant.victim.resnet9 import ResNet9
from taggant.victim.small_net import SmallNet

NETS = {
    "small": lambda: SmallNet(5, width=4),
    "resnet9": lambda: ResNet9(5, width=4),
    "resnet18": lambda: from_torchvision("resnet18", 5),
    "densenet121": lambda: from_torchvision("densenet121", 5),
    "vgg": lambda: vgg(5, width=4, hidden=8),
    "densenet": lambda: densenet(5, width=4, layers=2),
    "timm resnet": lambda: from_timm("resnet10t", 5),
    "timm vit": lambda: from_timm("test_vit", 5, image_size=32),
}


class Uint8(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.unused = nn.Linear(3, 3)
        self.net = net

    def forward(self, images):
        return self.net(images.float() / 255)


@pytest.mark.parametrize("name", NETS)
def test_features_and_weights_give_the_answers(name):
    torch.manual_seed(0)
    size = 160 if "vit" in name else 32
    model = Uint8(NETS[name]()).train()
    images = random_set(5, size=size).images
    found = last_layer(model, images, batch_size=2)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    with torch.no_grad():
        answers = model.eval()(images).double().numpy()
    bias = answers - found.features @ found.weights.T
    assert found.weights.shape == (5, found.features.shape[1])
    assert np.allclose(bias, bias[0], atol=1e-4)  # nothing but the layer's bias is missing


def test_the_layer_that_runs_last_counts_not_the_one_registered_last():
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 2)
            self.body = nn.Linear(12, 4)

        def forward(self, images):
            return self.head(self.body(images.float().flatten(1)))

    model = Odd()
    found = last_layer(model, torch.zeros(2, 3, 2, 2, dtype=torch.uint8))
    assert np.array_equal(found.weights, model.head.weight.detach().double().numpy())


def test_a_network_without_a_linear_end_is_refused():
    model = Uint8(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    with pytest.raises(ValueError, match="does not end in a linear layer"):
        last_layer(model, random_set(2).images)
