"""Tables of generative models: single images and sets over seeds, from run folders."""

from __future__ import annotations

import polars as pl
import pytest
from experiments.generative import controlled, relation
from experiments.generative._seeds import images_and_sets, shown
from matplotlib.figure import Figure

BOUNDS = {"detection_low": 0.0, "detection_high": 1.0, "false_detection_low": 0.0}
RATES = {**BOUNDS, "false_detection_high": 1.0}
FOUND = {1: 0.2, 2: 0.5}
"""Rates of used images by epoch, plus a tenth a seed."""


def row(p: float, found: float, **more) -> dict[str, object]:
    return {"p": p, "detection_rate": found, "false_detection_rate": p, **RATES, **more}


def run(folder, seed: int, kinds=("versions",), name="generative/ddpm") -> dict[str, object]:
    """A run's row of the table of runs; its folder holds tables of rates that follow the seed."""
    folder.mkdir(parents=True)
    measured = {"train_loss": 0.1, "utility": 0.9, "copies": 0.0}
    curves = [row(0.05, rate + seed / 10, epoch=epoch, **measured) for epoch, rate in FOUND.items()]
    pl.DataFrame(curves).write_csv(folder / "curves.csv")
    ranks = [row(p, 0.1 + seed / 10) for p in (0.01, 0.05, 0.1)]
    pl.DataFrame(ranks).write_csv(folder / "claims.csv")
    every = [row(0.05, i / 10 + seed / 10, evidence=kind) for i, kind in enumerate(kinds)]
    pl.DataFrame(every).write_csv(folder / "evidence.csv")
    sets = [
        {"size": 10, "group": group, "evidence": kind, "p": 0.001, "claimed": claimed}
        for kind in kinds
        for group, claimed in (("used", 0.7 + seed / 10), ("unused", 0.001))
    ]
    pl.DataFrame(sets).write_csv(folder / "sets.csv")
    groups = {"used": 100, "unused": 100, "p": 0.05, "victim.epochs": 2}
    swept = {"seed": seed, "victim.conditional": seed > 1}
    told = {"experiment": name, "folder": str(folder), "date": "2026-01-01"}
    told["audit.curve"] = "[0.05]"
    return {**swept, **told, **groups, **measured}


def runs(folder, *seeds: int, **options) -> pl.DataFrame:
    return pl.DataFrame([run(folder / str(seed), seed, **options) for seed in seeds])


def test_single_images_have_a_row_a_snapshot_and_sets_one_at_the_end(tmp_path):
    table = images_and_sets(runs(tmp_path, 0, 1))
    keys = table.select("epoch", "size", "p").rows()
    assert keys == [(1, 1, 0.05), (2, 1, 0.01), (2, 1, 0.05), (2, 10, 0.001)]
    assert table["detection_rate"].to_list() == pytest.approx([0.25, 0.15, 0.55, 0.75])
    assert table["false_detection_rate"].to_list() == pytest.approx([0.05, 0.01, 0.05, 0.001])
    assert table["seeds"].to_list() == [2] * 4
    assert table["used"].to_list() == [200, 200, 200, None]
    assert (table["detection_rate_low"] < table["detection_rate"]).all()
    assert shown(table).columns[:2] == ["epoch", "size"]


def test_without_curves_ranks_decide_at_the_end(tmp_path):
    without = runs(tmp_path, 0, 1).with_columns(pl.lit("[]").alias("audit.curve"))
    table = images_and_sets(without)
    keys = table.select("epoch", "size", "p").rows()
    assert keys == [(2, 1, 0.01), (2, 1, 0.05), (2, 10, 0.001)]
    assert table["detection_rate"].to_list() == pytest.approx([0.15, 0.15, 0.75])
    assert table["train_loss"].to_list() == [0.1, 0.1, None]


def test_what_is_swept_is_told_apart(tmp_path):
    table = images_and_sets(runs(tmp_path, 0, 2), "victim.conditional")
    last = table.filter((pl.col("epoch") == 2) & (pl.col("p") == 0.05))
    assert last["victim.conditional"].to_list() == [False, True]
    assert last["detection_rate"].to_list() == pytest.approx([0.5, 0.7])
    sets = table.filter(size=10)
    assert sets["detection_rate"].to_list() == pytest.approx([0.7, 0.9])
    assert sets["detection_rate_low"].is_null().all()  # of one model nothing is known


def test_each_kind_of_evidence_has_rates_of_its_own(tmp_path):
    kinds = ("versions", "controls", "combined")
    tables = [runs(tmp_path / name, 0, 1, name=name, kinds=kinds) for name in controlled.RUNS]
    every = controlled.collect(pl.concat(tables))
    assert every["run"].unique(maintain_order=True).to_list() == list(controlled.RUNS)
    table = every.filter(run=controlled.RUNS[1])
    alone = dict(table.filter(size=1).select("evidence", "detection_rate").rows())
    assert alone == pytest.approx({"versions": 0.05, "controls": 0.15, "combined": 0.25})
    assert table.filter(size=10).height == 3
    assert set(table["epoch"]) == {2}
    assert "withheld photos" in controlled.draw(every)["evidence"].to_list()


def test_the_relation_draws_from_its_table(tmp_path):
    tables = [runs(tmp_path / name, 0, 1, name=name) for name in relation.RUNS]
    table = relation.collect(pl.concat(tables))
    assert table.height == 4 * len(relation.RUNS)
    assert isinstance(relation.draw(table), Figure)
