from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKL
from tests.conftest import random_set
from tests.victim.generative.tiny import vae

from taggant.marking.marker import Marker
from taggant.marking.strategies.feature import Feature
from taggant.marking.vae import from_vae

DATA = random_set(3)


def test_features_are_mean_latents():
    marker, network = Marker(lambda: from_vae(str(vae()))), AutoencoderKL.from_pretrained(vae())
    with torch.no_grad():
        due = network.encode(DATA.images / 127.5 - 1).latent_dist.mean
    found = marker.features(DATA.images.float())
    assert found.shape == (3, 2 * 8 * 8)
    assert torch.allclose(found, due.flatten(1), atol=1e-5)
    assert not any("decoder" in name for name in marker.backbone.net.state_dict())


def test_marks_are_pushed_through_it():
    marker = Marker(lambda: from_vae(str(vae())))
    strategy = Feature(marker, steps=2, chunk=4)
    image, indices = DATA.images[:1], torch.arange(4).numpy()
    (made,) = strategy([bytes(32)], image, DATA.ids[:1], indices[None], epsilon=10)
    carriers = strategy.carriers(bytes(32), image[0], DATA.ids[0], indices)
    along = (marker.features(made.float()) - marker.features(image.float())) @ carriers.T
    assert (along.diagonal() > 0).all()
    assert (along.diagonal() == along.amax(0)).all()  # each version goes furthest its own way


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"marking\.marker\.load\.vae = .*: accepted is the folder"
    ):
        from_vae(str(tmp_path / "none"))
