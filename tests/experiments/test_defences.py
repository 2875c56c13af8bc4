"""What hides use: tables of the bench, and membership inference, on numbers made by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from experiments.defences import bench
from experiments.defences._attacks import ATTACKS, Signals, claimed, lira, rmia


def signals(count: int, learned: float, seed: int) -> Signals:
    """Images of different difficulty; the model is surer of those that it learned."""
    draws = np.random.default_rng(seed)
    hard = draws.normal(0, 2, count)
    outside = hard[:, None] + draws.normal(0, 1, (count, 2))
    own = hard + learned + draws.normal(0, 1, count)
    return Signals(own, own, outside)


@pytest.mark.parametrize("name", ATTACKS)
def test_known_non_members_of_the_same_kind_keep_the_nominal_rate(name):
    known, unused, used = signals(4000, 0, 0), signals(4000, 0, 1), signals(4000, 4, 2)
    scores = [ATTACKS[name](one, known) for one in (known, unused, used)]
    assert claimed(scores[0], scores[0], 0.05) == pytest.approx(0.05, abs=0.001)
    assert claimed(scores[1], scores[0], 0.05) == pytest.approx(0.05, abs=0.015)
    assert claimed(scores[2], scores[0], 0.05) > 0.3


def test_harder_non_members_let_too_many_through():
    known, unused = signals(4000, 0, 0), signals(4000, 0, 1)
    harder = Signals(known.margin - 3, known.entropy - 3, known.outside - 3)
    assert claimed(ATTACKS["LOSS"](unused, harder), ATTACKS["LOSS"](harder, harder), 0.05) > 0.15


def test_scores_beside_references_know_how_hard_an_image_is():
    known, used = signals(4000, 0, 0), signals(4000, 4, 2)
    power = {name: claimed(a(used, known), a(known, known), 0.05) for name, a in ATTACKS.items()}
    assert power["LiRA"] > power["LOSS"] + 0.1
    one = Signals(np.array([2.0]), np.zeros(1), np.array([[0.0, 2.0]]))
    assert lira(one, one).item() == pytest.approx(1 / 2**0.5)


def test_rmia_by_hand():
    known = Signals(np.array([-9.0, 0.0, 9.0]), np.zeros(3), np.zeros((3, 2)))
    assert rmia(Signals(np.array([1.0]), np.zeros(1), np.zeros((1, 2))), known).item() == 2 / 3
    # A sure model that is no surer than the references says nothing.
    assert rmia(Signals(np.array([1.0]), np.zeros(1), np.full((1, 2), 9.0)), known).item() == 1 / 3


def test_a_threshold_leaves_no_more_than_the_level_above_it():
    known = np.arange(100.0)
    assert claimed(known, known, 0.05) == 0.05
    assert claimed(known, known, 0.001) == 0.0
    assert claimed(known + 0.5, known, 0.001) == 0.01


def test_a_row_of_the_bench_is_called_by_what_its_experiment_sweeps():
    """All runs have all columns: a victim with augmentation stands behind no defence."""
    facts = {"defence": "none", "victim/augment": None, "victim.label_smoothing": 0.0}
    facts |= {"victim.patience": None}
    runs = pl.DataFrame(
        [
            {**facts, "experiment": "defences/deployed"},
            {**facts, "experiment": "defences/deployed", "defence": "jpeg"},
            {**facts, "experiment": "defences/augmented", "victim/augment": "crop_flip"},
            {**facts, "experiment": "defences/smoothed", "victim.label_smoothing": 0.1},
            {**facts, "experiment": "defences/stopped", "victim.patience": 2},
        ],
    )
    names = runs.select(called=bench._names(runs))["called"]
    assert names.to_list() == [
        "none",
        "jpeg",
        "crop_flip",
        "smoothed labels 0.1",
        "early stopping 2",
    ]
