"""Strategies by name: those that look through a network say what they need, and use it."""

import re

import numpy as np
import pytest
import torch
from tests.api.cases import KEY, noise
from tests.marking.nets import marker

import taggant
from taggant.api import options
from taggant.groups import options_of
from taggant.marking import marker as markers
from taggant.marking.strategies.feature import Feature

THROUGH_A_NETWORK = ("feature", "jacobian", "maxmin")
OPTIONS = {"n": 4, "secret": KEY, "unused": 0.0}


@pytest.fixture(autouse=True)
def _anew():
    options._strategy.cache_clear()
    yield
    options._strategy.cache_clear()


@pytest.fixture
def small(monkeypatch):
    """A small network in the place of the weights of the package."""
    monkeypatch.setattr(markers, "efficientnet_lite0", marker().load)


@pytest.mark.filterwarnings("ignore:.* of the pairs")
@pytest.mark.parametrize("name", options_of("marking/strategy"))
def test_every_strategy_can_be_named(name, small, tmp_path):
    marked = taggant.mark(noise(2), strategy=name, **OPTIONS)
    assert marked.strategy == name
    raw = torch.from_numpy(noise(2))[marked.marked_positions]
    assert not torch.equal(marked.published.images, raw)
    marked.save(tmp_path / "published")
    again = taggant.Marked.load(tmp_path / "published")
    made = again.scheme.versions(
        [again.ledger.draws(i).secret for i in again.instances.raw.ids],
        again.instances.raw.images,
        again.instances.raw.ids,
        again.ledger.indices(again.instances.raw.ids)[:, None],
    )
    assert torch.equal(made[:, 0], marked.published.images)


@pytest.mark.parametrize("name", THROUGH_A_NETWORK)
def test_without_the_weights_the_extra_and_the_other_way_are_named(name, monkeypatch):
    monkeypatch.setattr(markers, "LITE0_PACKAGE", "no-such-package")
    said = rf"strategy = {name}: .*'taggant\[marker\]'; or give an object of .*{name}, with a"
    with pytest.raises(FileNotFoundError, match=said):
        taggant.mark(noise(2), strategy=name, **OPTIONS)


def test_grey_images_are_refused_by_name_and_not_with_a_network_of_ones_own(small):
    grey = np.ascontiguousarray(noise(2)[:, :1])
    with pytest.raises(ValueError, match=re.escape("C = 3; images have C = 1")):
        taggant.mark(grey, strategy="feature", **OPTIONS)
    own = taggant.mark(noise(2), strategy=Feature(marker(), steps=1, chunk=2), **OPTIONS)
    assert own.strategy == "Feature"


@pytest.mark.parametrize(
    ("name", "then"),
    [
        ("feature", "marking.marker.fold=false"),
        ("jacobian", "marking.marker.size=32"),
        ("scaled_sign", "marking.strategy.mirror=false"),
        ("sign", "marking.strategy.block=3"),
        ("smooth_edit", "marking.strategy.strength=0.3"),
    ],
)
def test_what_a_name_meant_when_images_were_marked_is_remade(
    name, then, small, tmp_path, monkeypatch
):
    compose = options.compose_config
    monkeypatch.setattr(options, "compose_config", lambda given: compose([*given, then]))
    marked = taggant.mark(noise(2), strategy=name, **OPTIONS)
    marked.save(tmp_path / "published")
    monkeypatch.setattr(options, "compose_config", compose)
    options._strategy.cache_clear()
    again = taggant.Marked.load(tmp_path / "published")
    assert again.scheme.parameters() == marked.scheme.parameters()
    today = options.scheme_of(name, marked.scheme.n, marked.scheme.epsilon)
    assert again.scheme.parameters() != today.parameters()


def test_a_network_of_other_weights_is_not_remade(small, tmp_path, monkeypatch):
    taggant.mark(noise(2), strategy="feature", **OPTIONS).save(tmp_path / "published")
    other = marker().load()
    other.net.layers[0].weight.data += 0.1
    monkeypatch.setattr(markers, "efficientnet_lite0", lambda: other)
    options._strategy.cache_clear()
    with pytest.raises(ValueError, match=r"marks otherwise here .*: weights = "):
        taggant.Marked.load(tmp_path / "published")
