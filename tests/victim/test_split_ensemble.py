from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.conftest import random_set
from tests.victim.test_classifier import OPTIONS

from taggant.victim.split_ensemble import SplitEnsemble

CPU = torch.device("cpu")
DATA = random_set(40, classes=4)


def student(members: int = 5, without: int = 2) -> SplitEnsemble:
    torch.manual_seed(0)
    return SplitEnsemble(members=members, without=without, **OPTIONS)


def test_members_answer_for_what_they_did_not_learn(monkeypatch):
    """Each stands in with what it learned: the share of an image's confidences that it says."""
    victim = student()
    taught, asked = [], []

    def teacher(data, seed, device):
        taught.append((data.ids, seed))
        return data.ids

    def confidences(ids, images):
        rows = [int((DATA.images == image).flatten(1).all(1).nonzero()) for image in images]
        asked.append(rows)
        assert not {DATA.ids[row] for row in rows} & {*ids}
        return torch.eye(4)[[len(asked) % 4] * len(rows)]

    monkeypatch.setattr(victim, "teacher", teacher)
    monkeypatch.setattr(victim, "confidences", confidences)
    images, said = victim.lesson(DATA, 3, CPU)
    assert torch.equal(images, DATA.images)
    assert torch.allclose(said.sum(1), torch.ones(40))
    assert np.bincount(np.concatenate(asked)).tolist() == [2] * 40
    assert len({seed for _, seed in taught}) == 5
    assert len({ids for ids, _ in taught}) == 5


def test_what_a_student_learns_follows_from_the_seed():
    victim = student(3, 1)
    before = {name: value.clone() for name, value in victim.state_dict().items()}
    first, again, other = (victim.batches(DATA, seed, CPU).targets for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert all(torch.equal(value, before[name]) for name, value in victim.state_dict().items())


@pytest.mark.parametrize(("members", "without"), [(2, 0), (2, 2), (1, 1)])
def test_numbers_that_are_not_accepted(members, without):
    with pytest.raises(ValueError, match=f"victim.members = {members}, victim.without = {without}"):
        student(members, without)
