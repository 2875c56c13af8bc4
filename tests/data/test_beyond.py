import warnings

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from taggant.data.assemble import Pool, assemble
from taggant.data.beyond import beyond

TRAIN, TEST, TWINS = 60, 10, 5
SOURCE = OmegaConf.create({"_target_": f"{__name__}.load", "train": 30, "test": TEST})


def load(train, test):
    """60 training images; five of the test images equal the training images 40 to 44."""
    values = np.concatenate([np.arange(TRAIN), np.arange(40, 45), np.arange(200, 205)])
    images = torch.from_numpy(values.astype(np.uint8))[:, None, None, None].expand(-1, 1, 2, 2)
    pool = Pool(np.arange(TRAIN + TEST) % 2, lambda index: images[index], name=str)
    sides = (pool, np.arange(TRAIN)), (pool, np.arange(TRAIN, TRAIN + TEST))
    return assemble("tiny", ("even", "odd"), *sides, (train, test))


def of(images):
    return images.images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("count", [1, 10, 11, 20, 25])
def test_as_many_as_are_asked_for_and_none_that_the_run_sees(count):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = beyond(SOURCE, count, "some.key")
    assert of(found) == [*range(30, 40), *range(45, 60)][:count]
    assert found.name == "the rest of tiny"


@pytest.mark.parametrize("count", [26, 35, 36, 10**9])
def test_the_bound_that_is_named_is_accepted(count):
    with pytest.raises(
        ValueError, match=rf"^some.key = {count}: accepted are 3 to 25, tiny has 25 "
    ):
        beyond(SOURCE, count, "some.key", least=3)
    assert len(beyond(SOURCE, 25, "some.key", least=3)) == 25


def test_too_few_for_any_use():
    with pytest.raises(
        ValueError, match=r"some.key = 100: tiny has 25 .* 30 \(data.train\), and 100"
    ):
        beyond(SOURCE, 100, "some.key", least=100)
    with pytest.raises(ValueError, match=r"some.key = 99: accepted are 100, 101"):
        beyond(SOURCE, 99, "some.key", least=100)
