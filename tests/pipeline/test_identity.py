"""Which config leaf changes the digest of which stage: every leaf, one by one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf, open_dict

from taggant.groups import compose_config
from taggant.pipeline.context import RunContext
from taggant.pipeline.instance_run import InstanceRun

ORDER = ("data", "mark", "train", "unlearn", "score", "audit", "report")

FIRST_CHANGED = {
    "data": "data",
    "data.root": None,
    "marking": "mark",
    "marking.marker": None,  # sign patterns need no network
    "marking.pool": None,  # these two are of audits of a whole set
    "marking.balanced": None,
    "victim": "train",
    "unlearning": "unlearn",
    "unlearning.forget": "audit",  # doing nothing heeds neither, but groups are counted apart
    "unlearning.strength": None,
    "score": "score",
    "reference": None,  # there are none by default
    "reference.count": "score",
    "audit": "audit",
    "audit.batch_size": None,
    "audit.block": None,
    "audit.precision": "score",
    "audit.compile": "score",
    "audit.live": None,
    "audit.shard": None,
    "trainer": "train",
    "trainer.accelerator": None,
    "trainer.strategy": None,
    "logger": None,
    "paths": None,
    "name": "report",
    "seed": "data",
    "plan": None,
    "progress": None,
    "threads": None,
    "objective": None,
}
"""The first stage whose digest a leaf changes, by its longest prefix here. All later ones follow,
none earlier."""


def composed(root: Any, *overrides: str) -> DictConfig:
    cfg = compose_config([f"paths.root={root}", *overrides])
    with open_dict(cfg):
        cfg.logger = {"table": {"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": "x"}}
        cfg.data.root = "somewhere"  # sets that lie in files have one
        cfg.trainer.strategy = "auto"
        cfg.trainer.precision = "32-true"  # what "auto" chooses is the device's
    return cfg


def digests(cfg: DictConfig) -> dict[str, list[str]]:
    run = InstanceRun(RunContext.from_config(cfg))
    found: dict[str, list[str]] = {stage: [] for stage in ORDER}
    for name, stage in {**run.stages, "report": run.report.stage}.items():
        found.setdefault(name.partition("/")[0], []).append(stage.digest)
    return found


def leaves(node: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(node, DictConfig):
        for key in node:
            yield from leaves(node._get_node(key), f"{prefix}{key}.")
    else:
        yield prefix[:-1]


def other(path: str, value: Any) -> Any:
    if path.endswith("_target_"):
        return "taggant.stats.Boundary"
    if path == "reference.count":
        return 4
    if path == "audit.precision":
        return "bfloat16"
    if path == "audit.compile":
        return "default"
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    return ["x"] if value is None else [*value, 1]


def expected(path: str) -> str | None:
    parts = path.split(".")
    prefixes = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return FIRST_CHANGED[next(prefix for prefix in prefixes if prefix in FIRST_CHANGED)]


def changed(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    return [stage for stage in ORDER if before[stage] != after[stage]]


def test_each_leaf_changes_exactly_the_stages_that_it_should(tmp_path):
    cfg = composed(tmp_path)
    before = digests(cfg)
    shutil.copytree(tmp_path / "secrets", tmp_path / "secretsx")  # the key counts, not its place
    made_at_once = ("data._target_", "unlearning._target_", "reference._target_", "paths.root")
    paths = [path for path in leaves(cfg) if path not in made_at_once]
    assert len(paths) > 60
    for path in paths:
        altered = cfg.copy()
        value = OmegaConf.select(cfg, path)
        value = OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
        with open_dict(altered):
            OmegaConf.update(altered, path, other(path, value), force_add=True)
        first = expected(path)
        follow = [] if first is None else list(ORDER[ORDER.index(first) :])
        assert changed(before, digests(altered)) == follow, path


@pytest.mark.parametrize(
    ("override", "first"),
    [
        ("data=emoji", "data"),
        ("trainer=cpu", None),
        ("logger=tensorboard", None),
        ("marking.secret=simulated", "mark"),
        ("victim/augment=crop_flip", "train"),
        ("victim/net=resnet9", "train"),
        ("unlearning=finetune", "unlearn"),
        ("+trainer.gradient_clip_val=1", "train"),
        ("trainer.devices=2", "train"),
        ("+trainer.num_nodes=2", "train"),
        ("score=hinge", "score"),
        ("score/access=label", "score"),
        ("audit/test=rank", "audit"),
        ("audit.versions=20", "audit"),
        ("audit.read=until_decided", "audit"),
    ],
)
def test_a_choice_changes_exactly_the_stages_that_it_should(tmp_path, override, first):
    before = digests(composed(tmp_path))
    follow = [] if first is None else list(ORDER[ORDER.index(first) :])
    assert changed(before, digests(composed(tmp_path, override))) == follow


def test_another_owner_marks_otherwise(tmp_path):
    before = digests(composed(tmp_path))
    after = digests(composed(tmp_path, f"marking.secret={tmp_path}/other.key"))
    assert changed(before, after) == list(ORDER[1:])


def test_the_store_may_move(tmp_path):
    before = digests(composed(tmp_path / "a", "marking.secret=simulated"))
    after = digests(composed(tmp_path / "b", "marking.secret=simulated"))
    assert before == after
