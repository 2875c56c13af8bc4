"""What the presets at the papers' size would need: nothing is run."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.table import Column, Table

from taggant.groups import CONF, compose_config

FOLDER = CONF / "experiment"
SIZES = {"CIFAR10": 50_000, "CIFAR100": 50_000, "tiny-imagenet-200": 100_000}
IMAGENET = 1_281_167
"""Images of the folder that `radioactive/paper` asks for."""
TRAINS = ("victim", "marking", "data", "seed")
"""Swept keys that mean another victim; all others are asked of the same one."""
FORWARD = 1 / 3
"""What asking costs, in units of training: a forward pass beside a forward and a backward one."""


@dataclass(frozen=True)
class Need:
    """What one preset would need.

    Attributes
    ----------
    name : str
    victims : int
        Models that are trained from the start; models trained anew by unlearning are among them.
    trained : int
        Images that they learn, epochs counted.
    asked : int
        Images that they are asked at most, all versions, views and snapshots counted; audits of a
        whole set are left out, which ask thousands, not millions.
    """

    name: str
    victims: int
    trained: int
    asked: int

    def hours(self, rate: float) -> float:
        """Hours on a device that trains so many images a second of the preset's network."""
        return (self.trained + FORWARD * self.asked) / rate / 3600


def presets() -> list[str]:
    """Names of all presets at the papers' size."""
    paths = FOLDER.glob("*/paper/[!_]*.yaml")
    return sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in paths)


def need(name: str) -> Need:
    """What a preset would need."""
    config = compose_config([f"+experiment={name}", "paths.root=."], with_hydra=True)
    swept = {
        str(key): str(values).split(",")
        for key, values in (config.hydra.sweeper.params or {}).items()
    }
    cells = {group: _cells(swept, group) for group in ("victim", "unlearning", "score")}
    retrained = "retrain" in swept.get("unlearning", ())
    victims = cells["victim"] * (1 + retrained * _cells(swept, "unlearning.forget"))
    models = cells["victim"] * cells["unlearning"]
    return Need(
        name=name,
        victims=victims,
        trained=victims * int(config.victim.epochs) * _images(config),
        asked=models * cells["score"] * _asked(config),
    )


def table(names: list[str], rate: float | None) -> Table:
    """One row a preset."""
    columns = ("victims", "images trained", "images asked, at most", "hours")
    drawn = Table(Column("preset", no_wrap=True), *columns)
    for name in names:
        one = need(name)
        hours = "-" if rate is None else f"{one.hours(rate):,.1f}"
        drawn.add_row(name, str(one.victims), _millions(one.trained), _millions(one.asked), hours)
    return drawn


def _cells(swept: dict[str, list[str]], group: str) -> int:
    """Combinations of the swept values of a group."""
    mine = TRAINS if group == "victim" else (group,)
    return prod(len(values) for key, values in swept.items() if key.startswith(mine))


def _images(config: DictConfig) -> int:
    """Images of the training set, marked ones that stay unused counted too."""
    asked = OmegaConf.select(config, "data.train", throw_on_missing=False)
    if asked is not None:
        return int(asked)
    root = str(OmegaConf.select(config, "data.root", throw_on_missing=False))
    named = config.data.get("dataset") or root.rpartition("/")[2]
    return SIZES.get(named, IMAGENET)


def _asked(config: DictConfig) -> int:
    """Images asked at most of one model with its snapshots."""
    marking: Any = config.marking
    if not config.audit._target_.endswith("InstanceAudit"):
        return 0
    instances = int(marking.used) + int(marking.unused)
    return instances * int(marking.get("n") or 2) * int(config.score.views) * _snapshots(config)


def _snapshots(config: DictConfig) -> int:
    found = config.victim.snapshots
    return int(found) if isinstance(found, int) else len(found)


def _millions(count: int) -> str:
    return f"{count / 1e6:,.1f} million" if count else "-"
