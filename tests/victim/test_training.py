"""Training that draws, and training that stops early, each killed and gone on with."""

from __future__ import annotations

import functools

import pytest
import torch
from safetensors.torch import load_file
from tests.conftest import random_set
from tests.victim.fitting import Kill, fit
from tests.victim.test_classifier import classifier
from torch import nn

from taggant.victim import training
from taggant.victim.small_net import SmallNet

DATA, OTHER = random_set(20), random_set(12, seed=1)


def fitted(folder, *callbacks, **options):
    """Final weights and history."""
    torch.manual_seed(0)
    victim = classifier(**{"epochs": 6, **options})
    torch.manual_seed(int(folder.stat().st_ctime_ns % 1000))  # what a process has drawn before
    return fit(victim, DATA, OTHER, folder, *callbacks)


def same(one, other):
    (weights, rows), (others, other_rows) = one, other
    return rows == other_rows and all(torch.equal(weights[key], others[key]) for key in weights)


@pytest.fixture
def folders(tmp_path):
    for name in ("straight", "killed"):
        (tmp_path / name).mkdir()
    return tmp_path / "straight", tmp_path / "killed"


class Normed(nn.Sequential):
    """A network that cannot learn from one image: every channel of it is a single number."""

    def __init__(self, classes: int, channels: int, image_size: int) -> None:
        width = channels * image_size**2
        super().__init__(nn.Flatten(), nn.BatchNorm1d(width), nn.Linear(width, classes))


def test_batch_norm_never_meets_an_image_alone(tmp_path):
    victim = classifier(net=Normed, epochs=2, batch_size=19)
    lengths = [len(step) for step in victim.batches(DATA, 0, torch.device("cpu")).order()]
    assert lengths == [18, 2]
    fit(victim, DATA, OTHER, tmp_path)
    with pytest.raises(ValueError, match="batch_size = 1 for 20 images leaves a batch of fewer"):
        classifier(net=Normed, batch_size=1).batches(DATA, 0, torch.device("cpu"))


STOPPED = {"patience": 1, "lr": 0.5, "snapshots": [6]}  # too fast a rate for noise to be learned


def test_dropout_follows_from_the_seed_and_the_epoch(folders):
    net = functools.partial(SmallNet, width=4, dropout=0.5)
    straight = fitted(folders[0], net=net)
    with pytest.raises(SystemExit):
        fitted(folders[1], Kill(3), net=net)
    assert same(straight, fitted(folders[1], net=net))
    assert not same(straight, fitted(folders[1], net=functools.partial(SmallNet, width=4)))


def test_training_stops_when_held_out_images_are_no_longer_learned_better(folders):
    weights, rows = fitted(folders[0], **STOPPED)
    losses = [row["held_out_loss"] for row in rows]
    stopped = rows[-1]["stopped"]
    assert stopped < 6
    assert losses[stopped - 1] >= min(losses[: stopped - 1])
    assert [row["epoch"] for row in rows] == [*range(1, stopped + 1), 6]
    snapshot = load_file(folders[0] / training.snapshot_name(6))
    assert all(torch.equal(weights[key], snapshot[key]) for key in weights)
    assert 0 <= rows[-1]["utility"] <= 1


@pytest.mark.parametrize("epoch", [1, None])
def test_a_killed_training_stops_where_it_would_have(folders, epoch):
    straight = fitted(folders[0], **STOPPED)
    with pytest.raises(SystemExit):
        fitted(folders[1], Kill(epoch), **STOPPED)
    assert same(straight, fitted(folders[1], **STOPPED))


def test_a_patient_training_is_as_one_that_never_stops(folders):
    patient, endless = fitted(folders[0], patience=6), fitted(folders[1])
    assert all(torch.equal(patient[0][key], endless[0][key]) for key in endless[0])
    assert "stopped" not in patient[1][-1]
    assert "held_out_loss" not in endless[1][-1]


def test_no_patience_at_all_is_refused():
    with pytest.raises(ValueError, match=r"victim\.patience = 0"):
        classifier(patience=0)
