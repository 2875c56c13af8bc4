"""Every named experiment composes, and runs at tiny size on what the others left in one store."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from tests.forks import warmed
from tests.victim.generative.tiny import pipeline, vae

from taggant.groups import CONF, compose_config
from taggant.report.meanings import METRICS

FOLDER = CONF / "experiment"
NAMES = sorted(
    path.relative_to(FOLDER).with_suffix("").as_posix()
    for path in FOLDER.rglob("*.yaml")
    if not path.name.startswith("_")
)
SMALL = [name for name in NAMES if "/paper/" not in name]
"""What the papers ran needs their networks, and weights that are downloaded: it composes only."""
TINY = {
    "data.train": 60,
    "data.test": 20,
    "data.size": 32,
    "marking.n": 40,
    "marking.pool": 0.2,
    "marking.used": 12,
    "marking.unused": 12,
    "marking.secret": "simulated",
    "marking.scheme.steps": 2,
    "marking.marker.load.epochs": 1,
    "marking.marker.size": 32,
    "victim.width": 2,
    "victim.epochs": 2,
    "victim.batch_size": 30,
    "victim.snapshots": 1,
    "victim.samples": 2,
    "victim.pretrained": "null",
    "victim.vae_width": 8,
    "unlearning.epochs": 1,
    "score.views": 2,
    "score.statistic.pairs": 10,
    "audit.p": 0.1,
    "audit.batch_size": 64,
    "audit.curve": "[]",
    "audit.read": "until_decided",
    "audit.versions": 20,
    "audit.images": 8,
    "audit.controls": 20,
    "marking.marker.load.rest": 200,
    "victim.unmarked.count": 40,
}
ALWAYS = (
    "hydra.mode=RUN",
    "progress=false",
    "threads=1",
    "trainer=cpu",
    "audit.live=false",
)
EMOJI = "taggant.data.emoji"


@cache
def composed(name: str) -> DictConfig:
    overrides = ["paths.root=root", f"+experiment={name}"]
    config = compose_config(overrides, with_hydra=True)
    HydraConfig.instance().set_config(config)  # for interpolations of what was chosen
    return config


def tiny(name: str) -> list[str]:
    """Overrides that make an experiment small: the first cell of its sweep, on images at hand."""
    config = composed(name)
    data = [] if config.data._target_.startswith(EMOJI) else ["data=emoji_subcategory"]
    if data and "root" in config.data:
        data += ["data.root=anywhere", "~data.root"]  # what is deleted is first resolved
    if data or "labels" in config.data:
        data.append("data.labels=category")
    sizes = {
        key: value
        for key, value in TINY.items()
        if OmegaConf.select(config, key, throw_on_missing=False) is not None
    }
    sweep = config.hydra.sweeper.params or {}
    first = {key: str(values).split(",")[0] for key, values in sweep.items() if key not in sizes}
    if config.victim._target_.endswith("TextToImage"):
        sizes["victim.pretrained"] = str(pipeline())
    if config.victim.get("vae"):
        sizes["victim.vae"] = str(vae())
    if config.score.get("answers") == "pixels":  # asks about the raw image as it is
        del sizes["score.views"]
    if config.audit.p == 0.5:  # of two versions
        del sizes["audit.p"]
    if config.marking.get("n") == 1:  # no marks
        del sizes["marking.n"]
    if config.marking.withhold:
        sizes |= {"marking.withhold": "12", "audit.read": "all"}
    forget = ["unlearning.forget=6"] if config.unlearning.get("forget") else []
    if config.marking.get("withhold"):
        sizes["marking.withhold"] = 12
    if config.audit.get("combine"):  # ranks need all versions
        sizes["audit.read"] = "all"
    every = {**sizes, **first}
    return [f"+experiment={name}", *ALWAYS, *data, *forget, *(f"{k}={v}" for k, v in every.items())]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("experiments")


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_composes_under_its_own_name(name):
    assert composed(name).name == name
    head = (FOLDER / f"{name}.yaml").read_text().splitlines()[:3]
    assert head[0] == "# @package _global_"
    assert f"+experiment={name} " in f"{head[1]} "


def first_of_each_family() -> set[str]:
    families: dict[str, str] = {}
    for name in SMALL:
        families.setdefault(name.partition("/")[0], name)
    return set(families.values())


QUICK = first_of_each_family()
"""The short suite runs one of each family, the long one all."""


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SMALL],
)
def test_every_experiment_runs_at_tiny_size(name, store):
    status = warmed().run(store, *tiny(name))
    assert status == 0, (store / "output.txt").read_text()[-2000:]
    (path,) = (store / "runs" / name).rglob("result.json")
    keys = {key for key in json.loads(path.read_text())["metrics"] if not key.endswith("_ci")}
    assert not keys - set(METRICS), "say in taggant/report/meanings.py what they mean"
