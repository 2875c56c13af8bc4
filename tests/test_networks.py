from __future__ import annotations

import functools

import pytest
import torch
from torch import nn

from taggant.networks import folded, headless, timm_network, torchvision_network
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


def normed(name: str) -> nn.Module:
    """A network of timm's whose batch norms have seen something, frozen."""
    torch.manual_seed(0)
    net = timm_network("net", name, pretrained=False, num_classes=0).eval().requires_grad_(False)
    for norm in batch_norms(net):
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 2)
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(0, 0.1)
    return net


def batch_norms(net: nn.Module) -> list[nn.BatchNorm2d]:
    return [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]


# Before its blocks and in the end a pre-activation network normalises sums, which stay.
@pytest.mark.parametrize(
    ("name", "left"), [("resnet10t", 0), ("mobilenetv3_small_050", 0), ("resnetv2_18d", 9)]
)
def test_folded_batch_norms_change_nothing_but_rounding(name, left):
    net = normed(name)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    images = torch.randn(2, 3, 64, 64)
    expected = net(images)
    made = folded(net, "net.fold = True")
    torch.testing.assert_close(made(images), expected, rtol=1e-4, atol=1e-5)
    assert len(batch_norms(made)) == left < len(batch_norms(net))
    assert not any(parameter.requires_grad for parameter in made.parameters())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


class Several(nn.Module):
    """A batch norm after each of three convolutions; `shown` says what else reads them."""

    def __init__(self, shown: str) -> None:
        super().__init__()
        self.shown = shown
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.norm.running_mean.fill_(0.3)

    def forward(self, images):
        made = self.conv(images)
        if self.shown == "the convolution's output":
            return self.norm(made) + made
        if self.shown == "the batch norm twice":
            return self.norm(self.norm(made))
        if self.shown == "the convolution twice":
            return self.norm(self.conv(made))
        return self.norm(made)


@pytest.mark.parametrize(
    ("shown", "left"),
    [
        ("nothing", 0),
        ("the convolution's output", 1),
        ("the batch norm twice", 1),
        ("the convolution twice", 1),
    ],
)
def test_a_batch_norm_stays_where_folding_would_change_more(shown, left):
    net = Several(shown).eval()
    made, images = folded(net, "net"), torch.randn(2, 3, 4, 4)
    assert len(batch_norms(made)) == left
    torch.testing.assert_close(made(images), net(images))


def test_batch_norms_without_statistics_and_other_convolutions_stay():
    class Doubled(nn.Conv2d):
        def forward(self, images):
            return super().forward(2 * images)

    unknown = nn.BatchNorm2d(3, track_running_stats=False)
    for pair in ((nn.Conv2d(3, 3, 1), unknown), (Doubled(3, 3, 1), nn.BatchNorm2d(3))):
        net, images = nn.Sequential(*pair).eval(), torch.randn(2, 3, 4, 4)
        made = folded(net, "net")
        assert len(batch_norms(made)) == 1
        assert torch.equal(made(images), net(images))


def test_a_network_whose_layers_depend_on_its_input_is_refused():
    class Forked(nn.Module):
        def forward(self, images):
            return images if images.sum() > 0 else -images

    with pytest.raises(ValueError, match=r"net\.fold = True: the layers of Forked cannot be trac"):
        folded(Forked(), "net.fold = True")
