"""What a network is given of a picture, against the libraries' own preprocessing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from taggant.data.decode import square, to_image
from taggant.models.preprocessing import Preprocessing, WithPreprocessing, squares

RAW = torch.randint(256, (40, 56, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
SOFT = Image.fromarray(RAW.numpy()).resize((112, 80), Image.Resampling.BICUBIC)
PICTURE = torch.from_numpy(np.array(SOFT)).permute(2, 0, 1)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("edge", [32, 36])
@pytest.mark.parametrize("turned", [False, True])
def test_shorter_edge_and_central_square_are_those_of_torchvision(interpolation, edge, turned):
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    picture = PICTURE.mT if turned else PICTURE
    own = Preprocessing(32, mean, std, interpolation, edge)(picture[None])[0]
    theirs = v2.Compose(
        [
            v2.Resize(edge, v2.InterpolationMode(interpolation), antialias=True),
            v2.CenterCrop(32),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(mean, std),
        ]
    )(to_image(picture))
    assert torch.allclose(own, theirs, atol=1e-6)


def test_a_squashed_picture_is_seen_whole():
    own = Preprocessing(32, None, None, squash=True)(PICTURE[None])[0]
    theirs = np.array(to_image(PICTURE).resize((32, 32), Image.Resampling.BICUBIC))
    assert torch.equal(own, torch.from_numpy(theirs).permute(2, 0, 1))


def test_without_a_mean_a_network_takes_the_pixels():
    found = Preprocessing(80, None, None)(PICTURE[None])
    assert torch.equal(found[0], PICTURE[:, :, 16:96])
    assert torch.equal(squares(PICTURE[None], 20)[0], square(to_image(PICTURE), 20))


def test_of_a_longer_edge_the_central_square_is_cut_out():
    found = Preprocessing(40, None, None, edge=80)(PICTURE[None])
    assert torch.equal(found[0], PICTURE[:, 20:60, 36:76])


def test_a_network_sees_its_own_preprocessing_of_pictures_of_any_mode():
    seen = []
    network = WithPreprocessing(lambda x: seen.append(x) or x.mean((2, 3)), Preprocessing(16))
    for channels in (1, 2, 3, 4):
        network(torch.full((2, channels, 30, 20), 255, dtype=torch.uint8))
    white = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    assert all(torch.allclose(x[0, :, 0, 0], white, atol=1e-5) for x in seen)
    assert {x.shape for x in seen} == {(2, 3, 16, 16)}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 0}, "size = 0: accepted are 1 to 4096"),
        ({"interpolation": "cubic"}, "interpolation = 'cubic': accepted are nearest, bilinear"),
        ({"edge": 100}, "edge = 100: accepted are 224 to"),
        ({"mean": None}, "mean and std: accepted are both"),
        ({"mean": (0.5,)}, r"mean = \[0.5\]: accepted are three"),
        ({"std": (0.5, 0, 1)}, r"std = \[0.5, 0, 1\]: accepted are positive"),
    ],
)
def test_numbers_out_of_range_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        Preprocessing(**wrong)
