"""Was a set used: how often N images are enough, by the exact and by the Chernoff threshold.

Twins as in the CCS 2024 paper: the published version of a used image beats its hidden twin more
often than a fair coin. Each point draws 2,000 sets of N images from those that were audited, and
counts how often their wins reach the threshold of p = 5 %. The papers' code takes a Chernoff bound
where the exact binomial tail needs fewer wins.
"""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments import Expected, plots
from taggant.report import style
from taggant.stats.twins import wins_needed

LEVEL, SETS = 0.05, 2000
PAIRS = (5, 8, 10, 15, 20, 30, 40, 60, 80, 120, 150)
GROUPS = {"used": style.USED, "unused": style.UNUSED}
EXPECTED = [
    Expected({"group": "used", "pairs": 20}, "binomial", 1.0, 0.05),
    Expected({"group": "used", "pairs": 150}, "win_rate", 0.973, 0.03),
    Expected({"group": "unused", "pairs": 150}, "win_rate", 0.493, 0.12),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    (run,) = runs.iter_rows(named=True)
    instances = pl.read_parquet(Path(run["folder"]) / "instances.parquet")
    facts = {name: run[name] for name in ("utility", "train_loss", "psnr", "date")}
    rows = []
    for group in GROUPS:
        wins = (instances.filter(group=group)["exceedances"] == 0).to_numpy()
        for pairs in (each for each in PAIRS if each <= len(wins)):
            rows.append({"group": group, "pairs": pairs, "win_rate": wins.mean(), **facts})
            rows[-1] |= _success(wins, pairs)
    return pl.DataFrame(rows)


def _success(wins: np.ndarray, pairs: int) -> dict[str, float]:
    """Share of random sets of `pairs` images that reach each threshold."""
    generator = np.random.default_rng(pairs)
    drawn = [generator.choice(wins, pairs, replace=False).sum() for _ in range(SETS)]
    needed = {tail: wins_needed(pairs, LEVEL, tail) for tail in ("binomial", "chernoff")}
    return {tail: float(np.mean(np.array(drawn) >= count)) for tail, count in needed.items()}


def draw(table: pl.DataFrame) -> Figure:
    figure = Figure(figsize=(style.WIDTH, 3.6))
    ax = figure.subplots()
    for group, colour in GROUPS.items():
        rows = table.filter(group=group)
        won = f"{group}: {rows['win_rate'][0]:.0%} of pairs won"
        ax.plot(rows["pairs"], rows["binomial"], color=colour, marker="o", label=f"{won}, exact")
        ax.plot(
            rows["pairs"], rows["chernoff"], color=colour, marker="s", linestyle=":",
            label="same, Chernoff",
        )  # fmt: skip
    ax.axhline(LEVEL, color=style.INK, linestyle=style.DASHED, linewidth=1)
    plots.logarithmic(ax, PAIRS)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_ylabel(f"sets claimed at p = {LEVEL:.0%}")
    ax.set_xlabel("images in the set")
    ax.legend(loc="best", fontsize=8)
    return figure
