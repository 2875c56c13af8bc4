"""Membership inference by thresholds: how far its nominal rate is off, on photos.

LOSS, entropy, RMIA and LiRA, with two reference models that did not learn an image. A threshold is
set so that 5 %, or .1 %, of known non-members lie above it. Where these are photos of the same
distribution, about as many of the others do. Where they are not - photos of other classes, blurred
ones, small ones that were enlarged - it is anybody's guess, and an owner seldom has the former.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from experiments.defences._attacks import ATTACKS, Signals, claimed
from experiments.experiment import ROOT
from experiments.plots import MARKERS, PALETTE
from experiments.power._seeds import GROUPS, pooled
from matplotlib.figure import Figure
from numpy.typing import NDArray
from omegaconf import OmegaConf
from torch import Tensor

from experiments import Expected
from taggant.answers import evaluating
from taggant.data.imageset import ImageSet
from taggant.data.purify import Blur, Resize
from taggant.groups import compose_config
from taggant.pipeline.context import RunContext
from taggant.pipeline.controlled_run import ControlledRun
from taggant.pipeline.run import OUTSIDE
from taggant.report import style
from taggant.score.membership import entropy, margin
from taggant.victim.victim import EVAL_BATCH, Victim

LEVELS = (0.05, 0.001)
VEHICLES = ("airplane", "automobile", "ship", "truck")
OTHERS: dict[str, Callable[[Tensor], Tensor]] = {"blurred": Blur(1.0), "enlarged": Resize(0.5)}
SAME = "same"
ANIMALS_BY_VEHICLES, VEHICLES_BY_ANIMALS = "animals by vehicles", "vehicles by animals"
TRAINED = {
    "defences/membership_plain": "as they are",
    "defences/membership_augmented": "shifted and mirrored",
}
RUNS = tuple(TRAINED)
SHOWN = (SAME, *OTHERS, ANIMALS_BY_VEHICLES, VEHICLES_BY_ANIMALS)
LEAST = 1e-4
"""Rates below are drawn there."""

EXPECTED = [
    Expected(
        {"augment": augment, "attack": attack, "calibrated": calibrated, "level": 0.05},
        "false_detection_rate",
        value,
        0.03,
    )
    for augment, attack, calibrated, value in (
        ("as they are", "LOSS", "same", 0.059),
        ("as they are", "LOSS", "vehicles by animals", 0.168),
        ("as they are", "LiRA", "same", 0.050),
        ("shifted and mirrored", "LOSS", "blurred", 0.181),
        ("shifted and mirrored", "LOSS", "enlarged", 0.210),
        ("shifted and mirrored", "LiRA", "same", 0.051),
    )
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    found = pl.DataFrame([row for run in runs.iter_rows(named=True) for row in _rows(run)])
    keys = ["augment", "attack", "calibrated", "level"]
    rows = []
    for names, cell in found.group_by(keys, maintain_order=True):
        row: dict[str, Any] = {**dict(zip(keys, names, strict=True)), "seeds": len(cell)}
        for rate, group in GROUPS:
            row |= pooled(cell, rate, group)
        rows.append(row | {"known": cell["known"].min()})
    return pl.DataFrame(rows).with_columns(date=pl.lit(runs["date"].max()))


def _rows(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    made = run_of(Path(run["folder"]))
    learned, unseen = made.train.images, made.data.splits.test
    others = unseen.select(range(0, len(unseen), 2))
    asked = unseen.select(range(1, len(unseen), 2))
    signals = [signals_of(made, images) for images in (learned, asked, others)]
    cells = {SAME: signals}
    for name, change in OTHERS.items():
        cells[name] = [*signals[:2], signals_of(made, changed(others, change))]
    wheels = [_vehicles(images) for images in (learned, asked, others)]
    for name, of in ((ANIMALS_BY_VEHICLES, True), (VEHICLES_BY_ANIMALS, False)):
        rows = [wheels[0] != of, wheels[1] != of, wheels[2] == of]
        cells[name] = [one.of(some) for one, some in zip(signals, rows, strict=True)]
    for calibrated, parts in cells.items():
        facts = {
            "augment": TRAINED[run["experiment"]],
            "calibrated": calibrated,
            "used": len(parts[0].margin),
            "unused": len(parts[1].margin),
            "known": len(parts[2].margin),
        }
        for attack, score in ATTACKS.items():
            members, unused, known = (score(one, parts[2]) for one in parts)
            for level in LEVELS:
                yield {
                    **facts,
                    "attack": attack,
                    "level": level,
                    "detection_rate": claimed(members, known, level),
                    "false_detection_rate": claimed(unused, known, level),
                }


def run_of(folder: Path) -> ControlledRun:
    """The stages of a finished run, which lie in the store."""
    root = os.environ.get("TAGGANT_ROOT", ROOT)
    outside = compose_config([f"paths.root={root}", "progress=false"])
    rest = {key: outside[key] for key in OUTSIDE}
    config = OmegaConf.create({**rest, **json.loads((folder / "config.json").read_text())})
    return ControlledRun(RunContext.from_config(config))


def changed(images: ImageSet, change: Callable[[Tensor], Tensor]) -> ImageSet:
    """The same images, cleaned; their ids stay."""
    parts = [change(part) for part in images.images.split(EVAL_BATCH)]
    return replace(images, images=torch.cat(parts))


def signals_of(made: ControlledRun, images: ImageSet) -> Signals:
    """What the victim says of images, and as many references for each that did not learn it."""
    assert images.labels is not None
    models = [made.reference.model(number) for number in range(made.reference.asked.count)]
    own = _answers(made.train.final(), images)
    theirs = np.stack([margin(_answers(m, images), images.labels).numpy() for m in models])
    outside = theirs.T[~_inside(made, images)].reshape(len(images), -1)
    return Signals(
        margin(own, images.labels).numpy().astype(np.float64),
        entropy(own, images.labels).numpy().astype(np.float64),
        outside.astype(np.float64),
    )


def _inside(made: ControlledRun, images: ImageSet) -> NDArray[np.bool_]:
    """Which references count as having learned an image, [N, models]: half of them, for each."""
    count = made.reference.asked.count
    if set(images.ids) <= set(made.data.splits.train.ids):
        return np.asarray(made.reference.inside(images.ids).T)
    return np.tile(np.arange(count) % 2 == 1, (len(images), 1))


@torch.no_grad()
def _answers(victim: Victim, images: ImageSet) -> Tensor:
    with evaluating(victim):
        parts = [victim(part) for part in images.images.split(EVAL_BATCH)]
    return torch.cat(parts).float().log_softmax(1)


def _vehicles(images: ImageSet) -> NDArray[np.bool_]:
    assert images.labels is not None
    names = np.array(images.class_names)[images.labels.numpy()]
    return np.isin(names, VEHICLES)


def draw(table: pl.DataFrame) -> Figure:
    fig = Figure(figsize=(1.4 * style.WIDTH, 5.6))
    every = fig.subplots(len(LEVELS), len(TRAINED), sharey="row", sharex=True)
    for line, level in zip(every, LEVELS, strict=True):
        line[0].set_ylabel(f"rate, nominally {level:g}")
        for ax, trained in zip(line, TRAINED.values(), strict=True):
            rows = table.filter(level=level, augment=trained)
            for name, colour, marker in zip(ATTACKS, PALETTE, MARKERS, strict=False):
                of = rows.filter(attack=name)
                rates = of["false_detection_rate"].clip(LEAST)
                ax.plot(of["calibrated"], rates, marker, color=colour, label=name)
            ax.axhline(level, color=style.INK, linestyle=style.DASHED, linewidth=1)
            ax.set_yscale("log")
    for ax, trained in zip(every[0], TRAINED.values(), strict=True):
        ax.set_title(f"photos {trained}")
    for ax in every[-1]:
        ax.set_xticks(range(len(SHOWN)), SHOWN, rotation=30, ha="right")
    fig.legend(*every[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return fig
