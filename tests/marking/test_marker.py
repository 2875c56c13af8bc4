from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import urllib.error

import pytest
import torch
from hydra.utils import instantiate
from tests.conftest import random_set
from tests.marking.nets import backbone, marker
from torch import nn

from taggant.groups import compose_config
from taggant.marking.marker import (
    LITE0_PACKAGE,
    Backbone,
    Marker,
    efficientnet_lite0,
    from_timm,
    from_torchvision,
)


@pytest.mark.parametrize(
    ("name", "dimension"), [("resnet18", 512), ("densenet121", 1024), ("vgg11", 4096)]
)
def test_features_of_torchvision_networks_are_what_the_last_layer_reads(name, dimension):
    found = Marker(lambda: from_torchvision(name, weights=None), size=32)
    assert found(torch.rand(1, 3, 32, 32) * 255).shape == (1, dimension)


def test_weights_that_cannot_be_downloaded_are_named(monkeypatch):
    def offline(name, weights):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr("torchvision.models.get_model", offline)
    with pytest.raises(OSError, match=r"load\.name = resnet18: its weights .* no route"):
        from_torchvision("resnet18")


def test_features_of_timm_networks_are_pooled():
    found = Marker(lambda: from_timm("resnet10t", pretrained=False), size=32)
    assert found(torch.rand(1, 3, 16, 16) * 255).shape == (1, 512)


def test_unknown_networks_and_precisions_are_named():
    with pytest.raises(ValueError, match=r"'resnet19': accepted are .*resnet18"):
        from_torchvision("resnet19")
    with pytest.raises(ValueError, match=r"'resnet18x': unknown to timm"):
        from_timm("resnet18x")
    with pytest.raises(ValueError, match=r"'fp8': accepted are \['float32', 'bfloat16'\]"):
        marker("fp8")


def test_network_is_loaded_once_and_only_when_needed():
    loads = []

    def load():
        loads.append(1)
        return backbone()

    found = Marker(load)
    assert not loads
    found(torch.zeros(1, 3, 16, 16))
    found.parameters()
    assert len(loads) == 1


def test_digest_tells_weights_apart():
    def changed() -> Backbone:
        made = backbone()
        made.net.layers[0].weight.data[0, 0, 0, 0] += 1e-6
        return made

    assert marker().digest == marker().digest != Marker(changed).digest


def test_gradient_is_autograds_and_leaves_the_network_alone():
    found, pixels = marker(), torch.rand(4, 3, 16, 16) * 255
    with torch.inference_mode():
        gradient = found.gradient(lambda x: found(x).square().sum(1), pixels)
    again = pixels.clone().requires_grad_()
    found(again).square().sum().backward()
    assert torch.equal(gradient, again.grad)
    assert all(parameter.grad is None for parameter in found.backbone.net.parameters())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_lanes_agree_for_a_network_without_batch_effects(precision):
    assert marker(precision).lanes_agree(4, random_set(1).images[0])


def test_a_folded_network_has_the_same_digest_and_the_same_features_up_to_rounding():
    load = functools.partial(from_torchvision, "resnet18", weights=None)
    torch.manual_seed(0)
    plain = Marker(load, 32)
    folded = Marker(lambda: plain.backbone, 32, fold=True)
    pixels = torch.rand(4, 3, 32, 32) * 255
    torch.testing.assert_close(folded(pixels), plain(pixels))
    assert not torch.equal(folded(pixels), plain(pixels))
    assert folded.parameters() == plain.parameters() | {"fold": True}
    assert "fold" not in plain.parameters()
    assert folded.lanes_agree(4, random_set(1).images[0])


def test_what_a_process_has_set_changes_no_bit_and_is_left_alone():
    found, pixels = marker(), torch.rand(4, 3, 16, 16) * 255
    expected = found.features(pixels)
    for precision in ("high", "medium"):
        torch.set_float32_matmul_precision(precision)
        try:
            assert torch.equal(found.features(pixels), expected)
            assert torch.get_float32_matmul_precision() == precision
        finally:
            torch.set_float32_matmul_precision("highest")


def test_a_network_runs_with_whole_products_and_the_gpus_own_convolutions():
    class Watching(nn.Module):
        def forward(self, images):
            cudnn = torch.backends.cudnn
            seen.append((torch.get_float32_matmul_precision(), cudnn.enabled, cudnn.deterministic))
            return images.flatten(1)

    seen = []
    watched = Marker(lambda: Backbone("watching", Watching(), (0.5,) * 3, (0.5,) * 3))
    watched.features(torch.zeros(1, 3, 4, 4))
    watched.gradient(lambda pixels: watched(pixels).sum(1), torch.zeros(1, 3, 4, 4))
    assert seen == [("highest", True, True)] * 2


def test_a_marker_first_used_in_inference_mode_has_gradients_later():
    found, pixels = marker(), torch.rand(2, 3, 16, 16) * 255
    with torch.inference_mode():
        found.features(pixels)
    assert found.gradient(lambda x: found(x).sum(1), pixels.clone()).abs().sum() > 0


def test_a_changed_copy_shares_no_network_with_the_marker():
    found = marker()
    features = found.features(torch.zeros(1, 3, 16, 16))
    changed = dataclasses.replace(found, size=8)
    assert changed.dimension(torch.zeros(3, 16, 16)) == features.shape[1]
    assert changed._nets["cpu"][0] is not found._nets["cpu"][0]


def test_lanes_that_disagree_are_found():
    class Mixing(nn.Module):
        def forward(self, images):
            return images.flatten(1) * images.mean().sigmoid()

    mixing = Marker(lambda: Backbone("mixing", Mixing(), (0.5,) * 3, (0.5,) * 3))
    assert not mixing.lanes_agree(4, random_set(1).images[0])


def test_efficientnet_lite0_knows_its_image_net_classes():
    try:
        importlib.metadata.version(LITE0_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        with pytest.raises(FileNotFoundError, match=r"taggant\[marker\]"):
            efficientnet_lite0()
        return
    found = Marker(efficientnet_lite0, size=32)
    assert found(torch.rand(1, 3, 32, 32) * 255).shape == (1, 1280)
    # Trained weights, not initial ones: batch norms have seen data.
    spread = found.backbone.net.state_dict()["bn1.running_var"]
    assert float(spread.std()) > 0


def test_trained_marker_avoids_the_runs_images_and_is_stored(tmp_path, monkeypatch):
    from taggant.data import emoji
    from taggant.marking import trained

    monkeypatch.setenv("TAGGANT_ROOT", str(tmp_path))
    seen = []
    fit = trained.fit
    monkeypatch.setattr(trained, "fit", lambda m, data, *a: seen.append(data) or fit(m, data, *a))
    small = ["marking.marker.load.net.width=2", "marking.marker.load.epochs=1"]
    cfg = compose_config(["paths.root=root", *small])
    first, second = instantiate(cfg.marking.marker), instantiate(cfg.marking.marker)
    assert first.digest == second.digest
    assert len(seen) == 1
    run = emoji.load(labels="subcategory", train=cfg.data.train, test=cfg.data.test, seed=cfg.seed)
    assert not set(seen[0].ids) & {*run.train.ids, *run.test.ids}
    assert len(seen[0]) > 1700


def test_the_untrained_marker_has_the_weights_that_the_trained_one_starts_from(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("TAGGANT_ROOT", str(tmp_path))
    cfg = compose_config(["paths.root=root", "marking/marker=untrained"])
    found = instantiate(cfg.marking.marker).backbone.net
    torch.manual_seed(cfg.marking.marker.load.seed)
    fresh = instantiate(cfg.marking.marker.load.net)(classes=99, channels=3, image_size=32)
    assert torch.equal(found.features[0].weight, fresh.features[0].weight)
    assert not found.features[1].running_mean.any()
