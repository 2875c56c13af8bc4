"""Architectures from torchvision and timm, fitted to small images."""

from __future__ import annotations

import torchvision
from torch import nn
from torchvision.models.vgg import make_layers

from taggant.networks import timm_network, torchvision_network

SMALL = 64


def from_torchvision(
    name: str, classes: int, channels: int = 3, image_size: int = 32, width: int | None = None
) -> nn.Module:
    """Untrained torchvision classifier; ResNets get the CIFAR stem for images up to 64 px.

    Raises
    ------
    ValueError
        For an unknown name, listing the names there are, or for a width.
    """
    _no_width(name, width)
    net = torchvision_network("victim.net.name", name, weights=None, num_classes=classes)
    if isinstance(net, torchvision.models.ResNet):
        net.conv1 = _stem(net.conv1.out_channels, channels, image_size)
        if image_size <= SMALL:
            net.maxpool = nn.Identity()
    elif channels != 3:
        raise ValueError(f"torchvision's {name} takes 3 channels, the data have {channels}")
    return net


def from_timm(
    name: str, classes: int, channels: int = 3, image_size: int = 32, width: int | None = None
) -> nn.Module:
    """Untrained timm classifier; ResNets get the CIFAR stem for images up to 64 px.

    Raises
    ------
    ValueError
        For an unknown name, naming the nearest ones, or for a width.
    """
    _no_width(name, width)
    net = timm_network("victim.net.name", name, num_classes=classes, in_chans=channels)
    from timm.models.resnet import ResNet  # seconds, which only its networks should cost

    if isinstance(net, ResNet) and image_size <= SMALL:
        stem = net.get_parameter("bn1.weight").numel()
        net.add_module("conv1", _stem(stem, channels, image_size))
        net.add_module("maxpool", nn.Identity())
    return net


def vgg(
    classes: int, channels: int = 3, image_size: int = 32, width: int = 16, hidden: int = 256
) -> nn.Module:
    """A narrow VGG: six 3x3 convolutions with batch norm and four poolings, two linear layers.

    Raises
    ------
    ValueError
        For images under 16 pixels or channels other than 3.
    """
    if channels != 3 or image_size < 16:
        raise ValueError(
            f"data.size = {image_size}, {channels} channels: vgg takes 16 pixels or more of 3"
        )
    wide, side = 8 * width, image_size // 16
    plan = [width, "M", 2 * width, "M", 4 * width, 4 * width, "M", wide, wide, "M"]
    head = (nn.Linear(wide * side**2, hidden), nn.ReLU(), nn.Linear(hidden, classes))
    return nn.Sequential(make_layers(plan, batch_norm=True), nn.Flatten(), *head)


def densenet(
    classes: int, channels: int = 3, image_size: int = 32, width: int = 16, layers: int = 4
) -> nn.Module:
    """Torchvision's DenseNet with three blocks of `layers` layers that add `width` / 2 channels.

    Images up to 64 px get the CIFAR stem, and are pooled once before the first block.

    Raises
    ------
    ValueError
        For images under 7 pixels.
    """
    if image_size < 7:
        raise ValueError(
            f"data.size = {image_size}: three halvings by densenet need 7 pixels or more"
        )
    growth = max(1, width // 2)
    net: nn.Module = torchvision.models.DenseNet(growth, (layers,) * 3, width, num_classes=classes)
    net.get_submodule("features").add_module("conv0", _stem(width, channels, image_size))
    return net


def _no_width(name: str, width: int | None) -> None:
    if width is not None:
        raise ValueError(f"victim.width = {width}: {name} has a width of its own, accepted is null")


def _stem(width: int, channels: int, image_size: int) -> nn.Conv2d:
    if image_size <= SMALL:
        return nn.Conv2d(channels, width, 3, padding=1, bias=False)
    return nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
