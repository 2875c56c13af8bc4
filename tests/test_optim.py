from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from taggant.optim import nesterov_sgd, one_cycle, train, trained_parameters


class Epochs:
    """Two batches, whose numbers say the epoch they are of."""

    def __init__(self) -> None:
        self.epoch = -1

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return 2

    def __iter__(self):
        return iter([10 * self.epoch, 10 * self.epoch + 1])


def test_every_batch_of_every_epoch_is_learned_at_the_rate_of_one_cycle():
    weight = nn.Parameter(torch.zeros(()))
    optimizer, seen, rates = nesterov_sgd([weight], 1.0, 0.0, 0.0), [], []

    def loss(batch):
        seen.append(batch)
        rates.append(optimizer.param_groups[0]["lr"])
        return weight

    train(loss, Epochs(), 3, optimizer, peak=0.5)
    assert seen == [0, 1, 10, 11, 20, 21]
    other = nesterov_sgd([nn.Parameter(torch.zeros(()))], 1.0, 0.0, 0.0)
    schedule = OneCycleLR(other, 0.5, total_steps=6, cycle_momentum=False)
    wanted = []
    for _ in range(6):
        wanted.append(schedule.get_last_lr()[0])
        other.step()
        schedule.step()
    assert rates == wanted
    assert weight.item() == pytest.approx(-sum(wanted))


def test_a_training_of_no_epochs_leaves_the_weights():
    weight = nn.Parameter(torch.zeros(()))
    train(lambda _: weight, Epochs(), 0, nesterov_sgd([weight], 1.0, 0.0, 0.0), peak=0.5)
    assert weight.item() == 0


@pytest.mark.parametrize("warmup", [0.1, 0.6])
def test_the_rate_is_at_its_peak_after_the_warm_up(warmup):
    optimizer = nesterov_sgd([nn.Parameter(torch.zeros(()))], 1.0, 0.9, 0.0)
    schedule, rates = one_cycle(optimizer, 0.5, 101, warmup), []
    for _ in range(100):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert abs(rates.index(max(rates)) - (101 * warmup - 1)) <= 1
    assert optimizer.param_groups[0]["momentum"] == 0.9


def test_momentum_is_nesterovs_where_there_is_any_and_frozen_weights_stay():
    net = nn.Linear(2, 1)
    net.bias.requires_grad_(False)
    assert trained_parameters(net) == [net.weight]
    found = [nesterov_sgd(net.parameters(), 1.0, m, 0.1).defaults["nesterov"] for m in (0.0, 0.9)]
    assert found == [False, True]
