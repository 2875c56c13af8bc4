from __future__ import annotations

from tests.conftest import random_set

from taggant.data.baseline import knn_accuracy


def test_copies_are_found_and_noise_is_not():
    train = random_set(300, seed=0)
    assert knn_accuracy(train, train) == 1
    assert knn_accuracy(train, random_set(300, seed=1)) < 0.4
