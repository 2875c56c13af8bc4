"""How an audit after unlearning is shown in a report: words for its metrics, and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from taggant.report import style
from taggant.report.numbers import level, percent, quantity

Words = Callable[[Any], str]
Entry = tuple[str, tuple[str, Words, str]]

GROUPS = {
    "forgotten": "published versions that the request named",
    "retained": "trained on, to be kept",
    "unused": "marked, never trained on",
}
COLOURS = {"forgotten": style.USED, "retained": style.EXTRA, "unused": style.UNUSED}
MOMENTS = {"_before": "before", "": "after"}
PART = "part"
"""The column of the instances that says which group an image is in."""


def _entries() -> Iterator[Entry]:
    for group, meaning in GROUPS.items():
        if group != "unused":  # every audit has them
            yield group, (f"{group.capitalize()} images", quantity, meaning)
        for suffix, moment in MOMENTS.items():
            yield from _rates(group, suffix, moment)
    for suffix, moment in MOMENTS.items():
        told = "forgotten against unused images, by raw scores; no bound on errors"
        area = f"Membership inference AUC, {moment}"
        yield f"auc{suffix}", (area, lambda value: f"{value:.3f}", told)
    yield "status", ("Outcome of unlearning", str, "ok, diverged (NaN) or collapsed")
    yield "gradient_steps", ("Unlearning, gradient steps", quantity, "batches, there and back")
    yield "unlearning_seconds", ("Unlearning, seconds", quantity, "")
    yield "utility_before", ("Utility before unlearning", percent, "on the test split")
    yield "utility_drop", ("Utility lost", percent, "in percentage points")
    yield "recall_at_5_before", ("Recall at 5 before unlearning", percent, "on the test split")
    yield "utility_loss", ("Utility lost, relative", percent, "share of what there was")


def _rates(group: str, suffix: str, moment: str) -> Iterator[Entry]:
    name = f"{group.capitalize()} claimed, {moment}"
    yield f"{group}_rate{suffix}", (name, percent, "one-sided: used")
    both = f"{name}, two-sided"
    yield f"{group}_rate_two_sided{suffix}", (both, percent, "used, or over-forgotten")
    over = f"{group.capitalize()} over-forgotten, {moment}"
    yield f"{group}_over_rate_two_sided{suffix}", (over, percent, "ranks last among its versions")


METRICS: Mapping[str, tuple[str, Words, str]] = dict(_entries())
"""Metric -> label, how its value is worded, what it means; in reading order."""


@style.styled
def rates(metrics: Mapping[str, Any]) -> Figure:
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
            _point(ax, metrics, f"{name}_rate{suffix}", place + shift - 0.06, COLOURS[name], True)
            both = f"{name}_rate_two_sided{suffix}"
            _point(ax, metrics, both, place + shift + 0.06, COLOURS[name], False)
    ax.set_yticks(*zip(*ticks, strict=True))
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    p = float(metrics["p"])
    ax.axvline(p, color=style.INK, linestyle=(0, (4, 3)), linewidth=1)
    ax.set_xlim(-0.02, 1.02)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlabel(f"images claimed at p = {level(p)} (dashed); hollow: two-sided")
    return fig


def _point(
    ax: Axes, metrics: Mapping[str, Any], name: str, place: float, colour: str, full: bool
) -> None:
    ax.plot(metrics[f"{name}_ci"], [place, place], color=colour, linewidth=1.4)
    face = colour if full else style.PAPER
    ax.plot(metrics[name], place, "o", color=colour, markerfacecolor=face, clip_on=False)


@style.styled
def scatter(instances: pl.DataFrame) -> Figure:
    """Every image before (across) and after (up): the share of versions read that beat its own.

    Parameters
    ----------
    instances : DataFrame
        Columns part, beaten_before and beaten.
    """
    members = [name for name in GROUPS if name in instances[PART].to_list()]
    fig = Figure(figsize=(style.WIDTH, 0.8 + 0.8 * style.WIDTH / len(members)))
    panels = fig.subplots(1, len(members), sharex=True, sharey=True, squeeze=False)[0]
    for ax, name in zip(panels, members, strict=True):
        rows = instances.filter(pl.col(PART) == name)
        ax.plot([0, 1], [0, 1], color=style.FAINT, linewidth=0.8)
        ax.plot(
            rows["beaten_before"], rows["beaten"], "o", color=COLOURS[name], alpha=0.35,
            markersize=4.5, markeredgewidth=0, clip_on=False,
        )  # fmt: skip
        ax.set_title(f"{name} ({rows.height:,})", color=COLOURS[name])
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
            axis.set_ticks([0, 0.5, 1])
    panels[0].set_ylim(-0.03, 1.03)
    panels[0].set_xlim(-0.03, 1.03)
    panels[0].set_ylabel("after")
    fig.supxlabel("hidden versions that beat the published one, before", fontsize=10)
    return fig
