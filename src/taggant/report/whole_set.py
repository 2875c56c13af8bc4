"""The report of an audit of a whole set: one p-value, how it grew, and what others would get."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from safetensors.numpy import load_file

from taggant.report import figures, style
from taggant.report.html import KNOWN_METRICS, Section, Words, page, rows
from taggant.report.numbers import known, level, percent, quantity
from taggant.report.report import put

NAMED: Mapping[str, tuple[str, Words, str]] = {
    "log10_p": ("log10 p", quantity, "of the whole set, exact"),
    "claim": ("Claimed as used", str, "p-value at most p"),
    "p": KNOWN_METRICS["p"],
    "mean_cosine": ("Mean cosine", quantity, "of a class's weights with its carrier"),
    "sigmas": ("Standard deviations", quantity, "of the mean cosine from 0"),
    "control_rate": ("Control carriers found", percent, "should be p: they marked nothing"),
    "control_uniform": ("Uniformity of controls", quantity, "exact Kolmogorov-Smirnov p-value"),
    "black_box_p": ("Black box p", quantity, "rank among sets of other carriers, exact"),
    "loss_gap": ("Gap of losses", quantity, "marked less vanilla; carries no guarantee"),
    **{
        name: KNOWN_METRICS[name]
        for name in ("utility", "utility_baseline", "train_loss", "psnr", "ssim", "linf")
    },
    "marked_fraction": KNOWN_METRICS["marked_fraction"],
}


def write(folder: Path, formats: Iterable[str] = ("png",)) -> Path:
    """Draw the report of a finished run into its folder, and return the page.

    Parameters
    ----------
    folder : Path
        With ``result.json``, ``context.json``, ``log10_p.csv``, ``samples.safetensors`` and, where
        the audit has them, ``classes.parquet`` and ``controls.parquet``.
    formats : iterable of str
        Formats of the figures.
    """
    result = json.loads((folder / "result.json").read_text())
    context = json.loads((folder / "context.json").read_text())
    metrics = result["metrics"]
    drawn = _sections(folder, metrics)
    text = page(
        result,
        context,
        drawn,
        headline=_headline(metrics),
        tiles=_tiles(metrics),
        proved=_proved(metrics),
        verdict=_verdict(metrics),
        unlearned="",
        rows=rows(metrics, NAMED),
    )
    return put(folder, drawn, text, formats)


def _sections(folder: Path, metrics: Mapping[str, Any]) -> list[Section]:
    samples = load_file(folder / "samples.safetensors")
    classes, controls = (_optional(folder / f"{name}.parquet") for name in ("classes", "controls"))
    return [
        Section(
            "log10_p",
            "Evidence over training",
            "The set's p-value at each epoch, beside what the model had learnt by then.",
            curve(pl.read_csv(folder / "log10_p.csv"), metrics["p"]),
        ),
        Section(
            "controls",
            "The owner's carriers among others",
            "p-values of carriers that marked nothing, on the same model: a straight line if the "
            "test is exact. The owner's own is the cross.",
            None if controls is None else uniformity(controls, metrics["log10_p"]),
            "No control carriers were tested.",
        ),
        Section(
            "classes",
            "Class by class",
            "Cosine of each class's weights with its carrier.",
            None if classes is None else per_class(classes),
            "This audit has no evidence by class.",
        ),
        Section(
            "samples",
            "What was published",
            f"Raw images, as published, and the difference amplified {figures.GAIN} times around "
            "mid-grey.",
            figures.samples(samples["raw"], samples["published"]),
        ),
    ]


def _optional(path: Path) -> pl.DataFrame | None:
    return pl.read_parquet(path) if path.exists() else None


@style.styled
def curve(table: pl.DataFrame, p: float) -> Figure:
    """log10 p and utility over epochs; columns epoch, log10_p, utility."""
    fig = Figure(figsize=(style.WIDTH, 4.2))
    upper, lower = fig.subplots(2, 1, sharex=True, height_ratios=[2.2, 1])
    epochs = table["epoch"].to_numpy()
    upper.plot(epochs, table["log10_p"], color=style.USED, marker="o", clip_on=False)
    upper.axhline(np.log10(p), color=style.INK, linestyle=(0, (4, 3)), linewidth=1)
    upper.set_title(f"log10 p of the set; dashed: p = {level(p)}")
    lower.plot(epochs, table["utility"], color=style.EXTRA, marker="o", clip_on=False)
    lower.set_title("Test accuracy")
    lower.set_xlabel("epoch")
    lower.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return fig


@style.styled
def uniformity(controls: pl.DataFrame, log10_p: float) -> Figure:
    """Sorted log10 p of control carriers against what a uniform p-value would give."""
    fig = Figure(figsize=(style.WIDTH, 4.2))
    ax = fig.subplots()
    found = np.sort(controls["log10_p"].to_numpy())
    expected = np.log10((np.arange(len(found)) + 0.5) / len(found))
    low = min(float(expected[0]), float(found[0]), log10_p) * 1.05
    ax.plot([low, 0], [low, 0], color=style.INK, linewidth=1, linestyle=(0, (4, 3)))
    ax.plot(expected, found, ".", color=style.UNUSED, label="control carriers")
    ax.plot([expected[0]], [log10_p], "X", color=style.USED, markersize=9, label="the owner's")
    ax.set_xlabel("log10 p if uniform")
    ax.set_ylabel("log10 p found")
    ax.legend(loc="upper left")
    return fig


@style.styled
def per_class(table: pl.DataFrame, most: int = 30) -> Figure:
    """Bars of cosines, largest first; columns class, cosine."""
    shown = table.sort("cosine", descending=True).head(most).reverse()
    fig = Figure(figsize=(style.WIDTH, 1 + 0.19 * shown.height))
    ax = fig.subplots()
    ax.barh(shown["class"].to_list(), shown["cosine"].to_list(), color=style.USED)
    ax.axvline(0, color=style.INK, linewidth=1)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("cosine with the carrier")
    return fig


def _headline(metrics: Mapping[str, Any]) -> str:
    share = percent(metrics["marked_fraction"])
    said = "claimed" if metrics["claim"] else "did not claim"
    return (
        f"At p = {level(metrics['p'])}, the audit {said} that the model was trained on the "
        f"marked set ({share} of its training images): log10 p = {metrics['log10_p']:.2f}."
    )


def _tiles(metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    black = metrics.get("black_box_p")
    rate = metrics.get("control_rate")
    return [
        ("log10 p", f"{metrics['log10_p']:.2f}", "of the whole set"),
        ("Controls found", percent(rate), f"should be {level(metrics['p'])}"),
        ("Black box p", quantity(black), "rank among other carriers"),
        ("Marked share", percent(metrics["marked_fraction"]), "of the training images"),
        ("Test accuracy", percent(metrics["utility"]), ""),
        ("PSNR", f"{metrics['psnr']:.1f} dB" if known(metrics.get("psnr")) else "–", "of marks"),
    ]


def _proved(metrics: Mapping[str, Any]) -> tuple[str, str]:
    return (
        "had the model been trained without any knowledge of the owner's secret, this audit would "
        f"claim use with probability at most {level(metrics['p'])}, at this epoch and whatever "
        "the model",
        "that a set which was not detected was not used, which of its images were, or anything "
        "about the best epoch chosen afterwards",
    )


def _verdict(metrics: Mapping[str, Any]) -> tuple[str, str]:
    if "control_rate" not in metrics:
        return "warn", "No control was tested: this run does not check its own error rate."
    low, high = metrics["control_rate_ci"]
    p = metrics["p"]
    words = (
        f"Of {metrics['controls']} secrets that marked nothing, the audit found "
        f"{percent(metrics['control_rate'])} (95% interval {percent(low)} to {percent(high)})"
    )
    if low > p:
        return "bad", f"{words}: more than p = {level(p)}. Look for a broken assumption."
    return "good", f"{words}, in keeping with p = {level(p)}."
