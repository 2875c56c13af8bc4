from __future__ import annotations

import functools

import pytest
import torch
from torch import nn

from taggant.networks import headless, timm_network, torchvision_network
from taggant.victim.architectures import from_timm, from_torchvision
from taggant.victim.resnet9 import ResNet9
from taggant.victim.small_net import SmallNet


@pytest.mark.parametrize(
    ("net", "features"),
    [
        (SmallNet, 4 * 16 * 4),
        (ResNet9, 128),
        (functools.partial(from_torchvision, "resnet18"), 512),
        (functools.partial(from_timm, "resnet18"), 512),
    ],
)
def test_the_last_layer_is_cut_off(net, features):
    backbone, count = headless(net(classes=4, channels=3, image_size=16).eval(), "net")
    assert count == features
    assert backbone(torch.randn(2, 3, 16, 16)).shape == (2, features)


def test_a_net_without_a_linear_layer_is_refused():
    with pytest.raises(ValueError, match="net: Sequential has no linear layer"):
        headless(nn.Sequential(nn.Conv2d(3, 4, 1)), "net")


def test_a_layer_inside_is_cut_off_where_it_is():
    net = torchvision_network("net", "vgg11", weights=None, num_classes=3)
    assert headless(net, "net")[1] == 4096
    assert isinstance(net.classifier[6], nn.Identity)


@pytest.mark.parametrize("make", [torchvision_network, timm_network])
def test_unknown_names_are_named_as_typed(make):
    with pytest.raises(ValueError, match=r"^victim\.net\.name = 'resnet81': .*resne"):
        make("victim.net.name", "resnet81")
