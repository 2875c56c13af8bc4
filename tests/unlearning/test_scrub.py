"""SCRUB+R: back to the epoch that errs on the forget set as on images never learned."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from tests.conftest import random_set
from tests.unlearning.test_methods import request_of, same, victim

from taggant.unlearning.scrub import Scrub, class_weights, error

EPOCHS = 6


def scrub(**changes) -> Scrub:
    return Scrub(**{"rate": 1.0, "epochs": EPOCHS, "max_epochs": EPOCHS, **changes})


def asked(wrong: float | None = 0.5):
    """A request; of its held-out images a share is answered wrongly by the last epoch."""
    request = request_of(victim())
    if wrong is not None:
        images = random_set(40, seed=8)
        model = scrub()(request_of(victim())).eval()
        with torch.no_grad():
            called = model(images.images).argmax(1)
        called[: round(40 * wrong)] = (called[: round(40 * wrong)] + 1) % 4
        request.held_out = dataclasses.replace(images, labels=called)
    return request


def errors() -> list[float]:
    """Of the forget set, after each epoch."""
    requests = [request_of(victim()) for _ in range(EPOCHS)]
    models = [scrub(epochs=n + 1)(request) for n, request in enumerate(requests)]
    for model, request in zip(models, requests, strict=True):
        request.victim = model
    return [error(request, request.forget) for request in requests]


@pytest.mark.parametrize("wrong", [0.0, 0.5, 1.0])
def test_it_goes_back_to_the_epoch_nearest_to_what_was_never_learned(wrong):
    request = asked(wrong)
    after, found = scrub(rewind=True)(request), errors()
    wanted, epoch = request.notes["rewind_reference"], request.notes["rewind_epoch"]
    distances = [abs(one - wanted) for one in found]
    assert request.notes["rewind_error"] == found[epoch - 1]
    assert distances[epoch - 1] == min(distances) < max(distances)
    assert min(distances) not in distances[epoch:]  # of equally near ones, the last
    assert same(after, scrub(epochs=epoch)(request_of(victim())))


def test_errors_of_held_out_images_count_in_the_forgotten_classes_shares():
    """Two of class 0 and one of class 1 are to be forgotten; nothing else counts."""
    pool, data = random_set(4), random_set(3)
    pool = dataclasses.replace(pool, labels=torch.tensor([0, 1, 1, 2]))
    data = dataclasses.replace(data, labels=torch.tensor([0, 0, 1]))
    assert class_weights(pool, data).tolist() == [2, 0.5, 0.5, 0]
    with pytest.raises(ValueError, match="no held-out image of the classes"):
        class_weights(pool, dataclasses.replace(data, labels=torch.tensor([3, 3, 3])))


def test_it_needs_held_out_images():
    with pytest.raises(ValueError, match=r"unlearning\.rewind = true needs held-out images"):
        scrub(rewind=True)(asked(None))
