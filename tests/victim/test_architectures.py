from __future__ import annotations

import pytest
import torch

from taggant.victim.architectures import densenet, from_timm, from_torchvision, vgg
from taggant.victim.resnet9 import ResNet9
from taggant.victim.small_net import SmallNet


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (SmallNet, {"width": 4}),
        (ResNet9, {"width": 4}),
        (densenet, {"width": 4, "layers": 2}),
        (from_torchvision, {"name": "resnet18"}),
        (from_timm, {"name": "resnet10t"}),
    ],
)
@pytest.mark.parametrize(("channels", "image_size"), [(1, 28), (3, 32)])
def test_every_net_maps_images_to_logits(make, options, channels, image_size):
    net = make(classes=7, channels=channels, image_size=image_size, **options).eval()
    assert net(torch.randn(2, channels, image_size, image_size)).shape == (2, 7)


def test_vgg_takes_colour_images_of_16_pixels_or_more():
    assert vgg(7, image_size=32, width=4).eval()(torch.randn(2, 3, 32, 32)).shape == (2, 7)
    with pytest.raises(ValueError, match="16 pixels"):
        vgg(7, image_size=8)
    with pytest.raises(ValueError, match=r"1 channels: vgg takes .* of 3"):
        vgg(7, channels=1)


def test_small_images_get_the_cifar_stem_and_large_ones_do_not():
    small = from_torchvision("resnet18", 10, 3, 32)
    large = from_torchvision("resnet18", 10, 3, 224)
    assert (small.conv1.stride, large.conv1.stride) == ((1, 1), (2, 2))
    assert isinstance(small.maxpool, torch.nn.Identity)
    assert isinstance(large.maxpool, torch.nn.MaxPool2d)


def test_unknown_names_are_answered_with_known_ones():
    with pytest.raises(ValueError, match="resnet18"):
        from_torchvision("resnet81", 10)
    with pytest.raises(ValueError, match="resnet"):
        from_timm("resnet81", 10)


@pytest.mark.parametrize("make", [from_torchvision, from_timm])
def test_a_width_is_refused_where_the_net_has_its_own(make):
    with pytest.raises(ValueError, match=r"victim\.width = 4: resnet18 .* accepted is null"):
        make("resnet18", 10, width=4)


@pytest.mark.parametrize(("net", "least"), [(SmallNet, 8), (ResNet9, 8), (vgg, 16), (densenet, 7)])
def test_too_small_images_are_refused(net, least):
    with pytest.raises(ValueError, match=rf"data.size = {least - 1}\b.* {least} pixels or more"):
        net(classes=2, image_size=least - 1)
    images = torch.zeros(2, 3, least, least)
    assert net(classes=2, image_size=least).eval()(images).shape == (2, 2)
