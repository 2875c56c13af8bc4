"""Figures of an audit after unlearning: each group of images before and after."""

from __future__ import annotations

import polars as pl
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from taggant.configs import Plain
from taggant.numbers import level
from taggant.report import style
from taggant.report.groups import COLOURS, groups
from taggant.report.intervals import bars
from taggant.report.meanings import GROUPS, MOMENTS


@style.styled
def rates(metrics: Plain) -> Figure:
    """Images of each group that are claimed before and after, with exact 95 % intervals.

    Full: used; hollow: used or over-forgotten, by the two-sided test at the same p.

    Parameters
    ----------
    metrics : mapping
        ``metrics`` of ``result.json``: rates and intervals of the groups that there are.
    """
    members = [name for name in GROUPS if f"{name}_rate" in metrics]
    fig = Figure(figsize=(style.WIDTH, 0.9 + 0.85 * len(members)))
    ax = fig.subplots()
    ticks = []
    for place, name in enumerate(members):
        for shift, (suffix, moment) in zip((-0.2, 0.2), MOMENTS.items(), strict=True):
            ticks.append((place + shift, f"{name}, {moment}"))
            for sides, off in (("", -0.07), ("_two_sided", 0.07)):
                rate = f"{name}_rate{sides}{suffix}"
                low, high = metrics[f"{rate}_ci"]
                at, hollow = place + shift + off, bool(sides)
                bars(ax, at, metrics[rate], low, high, COLOURS[name], hollow=hollow)
    ax.set_yticks(*zip(*ticks, strict=True))
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    p = float(metrics["p"])
    ax.axvline(p, color=style.INK, linestyle=style.DASHED, linewidth=1)
    ax.set_xlim(-0.02, 1.02)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlabel(f"images claimed at p = {level(p)} (dashed); hollow: two-sided")
    return fig


@style.styled
def scatter(instances: pl.DataFrame) -> Figure:
    """Every image before (across) and after (up): the share of versions read that beat its own.

    Parameters
    ----------
    instances : DataFrame
        Columns part, beaten_before and beaten.
    """
    shown = groups(instances)
    fig = Figure(figsize=(style.WIDTH, 0.8 + 0.8 * style.WIDTH / len(shown)))
    panels = fig.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0]
    for ax, (name, colour, rows) in zip(panels, shown, strict=True):
        ax.plot([0, 1], [0, 1], color=style.FAINT, linewidth=0.8)
        ax.plot(
            rows["beaten_before"], rows["beaten"], "o", color=colour, alpha=0.35,
            markersize=4.5, markeredgewidth=0, clip_on=False,
        )  # fmt: skip
        ax.set_title(f"{name} ({rows.height:,})", color=colour)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
            axis.set_ticks([0, 0.5, 1])
    panels[0].set_ylim(-0.03, 1.03)
    panels[0].set_xlim(-0.03, 1.03)
    panels[0].set_ylabel("after")
    fig.supxlabel("hidden versions that beat the published one, before", fontsize=10)
    return fig
