from __future__ import annotations

import copy
import functools
from unittest import mock

import pytest
import torch
from torch import nn
from torch.nn.functional import batch_norm, conv2d

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


def normalised(net: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, int]:
    """What it makes of images, and how often it normalises on the way."""
    with mock.patch("torch.nn.functional.batch_norm", side_effect=batch_norm) as seen:
        return net(images), seen.call_count


# Before its blocks and in the end a pre-activation network normalises sums, which stay.
@pytest.mark.parametrize(
    ("name", "left"), [("resnet10t", 0), ("mobilenetv3_small_050", 0), ("resnetv2_18d", 9)]
)
def test_folded_batch_norms_change_nothing_but_rounding(name, left):
    net = normed(name)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    images = torch.randn(2, 3, 64, 64)
    expected, all_of_them = normalised(net, images)
    made, count = normalised(folded(net, "net.fold = True"), images)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5)
    assert count == left < all_of_them
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_weights_in_bfloat16_are_what_autocast_makes_of_them():
    net, images = normed("resnet10t"), torch.randn(2, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        made = [folded(net, "net", dtype)(images) for dtype in (torch.float32, torch.bfloat16)]
    assert torch.equal(*made)


def test_a_folded_network_can_be_copied_and_has_no_gradients():
    net = folded(normed("mobilenetv3_small_050"), "net.fold = True")
    images = torch.randn(1, 3, 32, 32)
    assert torch.equal(copy.deepcopy(net)(images), net(images))
    assert not any(parameter.requires_grad for parameter in net.parameters())


class Pair(nn.Module):
    """A convolution and a batch norm that reads it, in a forward of one's own."""

    def __init__(self, forward):
        super().__init__()
        self.conv, self.norm, self.how = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), forward
        self.norm.running_mean.fill_(0.3)
        self.norm.running_var.fill_(4)
        self.listed = [self.conv]
        self.also = nn.Sequential(self.conv)

    def forward(self, images, more=None):
        return self.how(self, images, more)


def by_whether_more_is_given(net, images, more):
    made = net.conv(images)
    return net.norm(made) if more is not None else made.relu() + net.norm(made.relu())


FOLDED = {
    "by name": lambda net, x, _: net.norm(net.conv(x)),
    "by keyword": lambda net, x, _: net.norm(input=net.conv(input=x)),
    "held in a list too": lambda net, x, _: net.norm(net.listed[0](x)),
    "held under two names": lambda net, x, _: net.norm(net.also(x)),
    "its statistics are read too": lambda net, x, _: (
        net.norm(net.conv(x)) * net.norm.running_var.view(1, 3, 1, 1)
    ),
}
KEPT = {
    "the convolution's output is read": lambda net, x, _: net.norm(net.conv(x)) + net.conv(x),
    "the same output is read": lambda net, x, _: (lambda y: net.norm(y) + y)(net.conv(x)),
    "the batch norm runs twice": lambda net, x, _: net.norm(net.norm(net.conv(x))),
    "the convolution runs twice": lambda net, x, _: net.norm(net.conv(net.conv(x))),
    "its weights are read": lambda net, x, _: net.norm(net.conv(x)) + conv2d(x, net.conv.weight),
    "there is something between": by_whether_more_is_given,
}


@pytest.mark.parametrize("how", [*FOLDED, *KEPT])
def test_a_batch_norm_stays_where_folding_would_change_more(how):
    net, images = Pair({**FOLDED, **KEPT}[how]).eval(), torch.randn(2, 3, 4, 4)
    expected, before = normalised(net, images)
    made, left = normalised(folded(net, "net"), images)
    torch.testing.assert_close(made, expected)
    assert left == (0 if how in FOLDED else before)


class Doubled(nn.Conv2d):
    def forward(self, images):
        return super().forward(2 * images)


def hooked(layer):
    layer.register_forward_hook(lambda module, given, made: 2 * made)
    return layer


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated")
@pytest.mark.parametrize(
    ("conv", "norm"),
    [
        (nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False)),
        (Doubled(3, 3, 1), nn.BatchNorm2d(3)),
        (hooked(nn.Conv2d(3, 3, 1)), nn.BatchNorm2d(3)),
        (nn.Conv2d(3, 3, 1), hooked(nn.BatchNorm2d(3))),
        (nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 3, 1)), nn.BatchNorm2d(3)),
        (nn.utils.spectral_norm(nn.Conv2d(3, 3, 1)), nn.BatchNorm2d(3)),
    ],
    ids=["no statistics", "its own convolution", "hook", "hook of the norm", "weight norm", "old"],
)
def test_layers_that_do_more_stay(conv, norm):
    with torch.no_grad():
        net, images = nn.Sequential(conv, norm).eval(), torch.randn(2, 3, 4, 4)
        expected, before = normalised(net, images)
        made, left = normalised(folded(net, "net"), images)
    assert torch.equal(made, expected)
    assert left == before == 1


def test_a_network_whose_layers_depend_on_its_input_is_refused():
    class Forked(nn.Module):
        def forward(self, images):
            return images if images.sum() > 0 else -images

    with pytest.raises(ValueError, match=r"net\.fold = True: the layers of Forked cannot be trac"):
        folded(Forked(), "net.fold = True")
