"""What the figures of unlearning are made from, on a table made by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from experiments.experiment import named
from experiments.unlearning import _shapes

from taggant.stats import clopper_pearson

FORGOTTEN = 200
CELLS = [  # method, strength, forgotten images claimed, relative loss, gradient steps
    ("none", 0.1, 160, 0.0, 0),
    ("none", 1, 160, 0.0, 0),
    ("retrain", 0.1, 10, 0.03, 1000),
    ("retrain", 1, 10, 0.03, 1000),
    ("finetune", 0.1, 150, 0.005, 50),
    ("finetune", 1, 120, 0.04, 50),
    ("finetune", 10, 12, 0.9, 50),
    ("scrub", 0.1, 100, 0.04, 80),
    ("scrub", 1, 40, 0.08, 80),
]


def runs() -> pl.DataFrame:
    rows = []
    for method, strength, claims, loss, steps in CELLS:
        interval = clopper_pearson(claims, FORGOTTEN)
        low, high = float(interval.low), float(interval.high)
        row = {"unlearning": method, "unlearning.strength": strength, "experiment": "x"}
        for rate in _shapes.RATES:
            row |= {rate: claims / FORGOTTEN, f"{rate}_low": low, f"{rate}_high": high}
        row |= {"p": 0.05, "forgotten": FORGOTTEN, "retained": 50, "unused": 100}
        row |= {"status": "collapsed" if loss > 0.5 else "ok", "utility_loss": loss}
        row |= {"utility_before": 0.4, "utility": 0.4 * (1 - loss), "date": "2026-01-01"}
        rows.append(row | {"gradient_steps": steps, "unlearning_seconds": steps / 10})
    return pl.DataFrame(rows, strict=False)


def test_the_ends_are_kept_once_and_methods_at_every_strength():
    table = _shapes.collect(runs())
    assert table.height == len(CELLS) - 2
    assert table["unlearning"].to_list()[:2] == ["none", "retrain"]
    assert _shapes.methods(table) == ["finetune", "scrub"]


def test_ranking_takes_the_least_rate_within_each_budget_and_its_cost():
    ranked = {row["method"]: row for row in _shapes.ranking(_shapes.collect(runs())).to_dicts()}
    assert [*ranked] == ["retrain", "scrub", "finetune", "none"]
    rates = {name: [cell.split()[0] for cell in row.values()][1:4] for name, row in ranked.items()}
    assert rates["finetune"] == ["75.0%", "60.0%", "60.0%"]
    assert rates["scrub"] == ["80.0%", "50.0%", "20.0%"]  # without a point at 1 %: as before
    assert rates["retrain"] == ["5.0%", "5.0%", "5.0%"]
    assert ranked["scrub"]["steps, of retraining's"] == "8.0%"


@pytest.mark.parametrize("name", ["strength", "clip", "classifier", "membership", "two_sided"])
def test_figures_show_the_rates_of_every_method(name):
    (experiment,) = named([f"unlearning/{name}"])
    figure = experiment.module.draw(_shapes.collect(runs()))
    lines = [line for ax in figure.axes for line in ax.lines]
    shown = {round(float(value), 9) for line in lines for value in np.ravel(line.get_data())}
    if name == "classifier":  # the rate at a method's largest strength that keeps the utility
        assert shown >= {0.8, 0.05, 0.6, 0.2}
    else:
        assert shown >= {claims / FORGOTTEN for _, _, claims, _, _ in CELLS}


def test_a_curve_shows_losses_beyond_half_at_half():
    table = _shapes.collect(runs()).filter(pl.col("unlearning") == "finetune")
    assert _shapes.lost(table).tolist() == [0.005, 0.04, 0.5]
