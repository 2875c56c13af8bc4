"""What hides use: tables of the bench, and membership inference, on numbers made by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from experiments.defences import bench
from experiments.defences._attacks import ATTACKS, Signals, claimed, lira, rmia
from experiments.defences._pareto import pareto
from experiments.defences._rows import rows
from matplotlib.text import Text


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


def test_rates_are_means_over_seeds_and_a_void_audit_claims_nothing(tmp_path):
    told = tmp_path / "told"
    told.mkdir()
    sets = {"size": [10, 10], "group": ["used", "unused"], "evidence": ["versions"] * 2}
    pl.DataFrame({**sets, "p": [0.05] * 2, "claimed": [0.8, 0.0]}).write_csv(told / "sets.csv")
    claims = {"p": [0.01], "detection_rate": [0.4], "false_detection_rate": [0.0]}
    pl.DataFrame(claims).write_csv(told / "claims.csv")
    facts = {"p": 0.05, "used": 10, "unused": 10, "date": "2026-01-01"}
    facts |= dict.fromkeys(("psnr", "ssim", "linf", "train_loss", "utility"), 0.5)
    facts |= {"mean_queries_used": 40.0}
    cells = [("none", 0, 0.9, told), ("none", 1, 0.7, told), ("fresh", 0, None, tmp_path)]
    runs = pl.DataFrame(
        [
            {
                **facts,
                "defence": name,
                "seed": seed,
                "detection_rate": rate,
                "false_detection_rate": None if rate is None else 0.0,
                "folder": str(folder),
            }
            for name, seed, rate, folder in cells
        ]
    )
    table = rows(runs, "defence", "none", [(10, 0.05)], [0.01])
    found = {row["defence"]: row for row in table.to_dicts()}
    shown = ("detection_rate", "detection_rate_at_1", "sets_of_10_at_0.05_used")
    assert [found["none"][key] for key in shown] == pytest.approx([0.8, 0.4, 0.8])
    assert [found["fresh"][key] for key in shown] == [0.0, 0.0, 0.0]


def test_names_of_points_lie_clear_of_each_other():
    """Also where the points do not."""
    draws = np.random.default_rng(0)
    names = [f"defence number {i}" for i in range(15)]
    near = {"lost": draws.normal(0, 0.002, 15), "power": draws.normal(0.9, 0.01, 15)}
    far = pl.DataFrame({"name": ["far"], "lost": [0.2], "power": [0.1]})
    table = pl.concat([pl.DataFrame({"name": names, **near}), far])
    figure = pareto(table, "name", "lost", [("power", "claimed")])
    figure.draw_without_rendering()
    texts = figure.axes[0].texts
    assert [text.get_text() for text in texts] == [*names, "far"]
    boxes = [Text.get_window_extent(text) for text in texts]  # without its arrow
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
