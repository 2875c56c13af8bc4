"""One run: go through the stages, fill the run folder."""

from __future__ import annotations

import json
import logging
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from rich.console import Console

from taggant.configs import plain
from taggant.files import write_atomically
from taggant.pipeline.check import check
from taggant.pipeline.line import Line
from taggant.pipeline.loggers import About, opened, tell
from taggant.pipeline.plan import plan
from taggant.pipeline.setting import Plain, Setting
from taggant.report.flat import flat
from taggant.report.wording import summary
from taggant.store.identity import digest
from taggant.store.manifest import MANIFEST

OUTSIDE = ("logger", "paths", "plan", "progress", "threads", "objective")
"""Config that no result depends on; the others become columns of the table of results."""


def run(cfg: DictConfig, told: Sequence[Plain] = ()) -> Mapping[str, Any]:
    """Run a composed config.

    Parameters
    ----------
    cfg : DictConfig
        The composed config.
    told : sequence of mapping
        ``audit`` configs of a sweep's other runs on the same models.

    Returns
    -------
    mapping
        The run's metrics; empty where it came to none (``plan=true``, ``audit.shard``).
    """
    console = Console(soft_wrap=True)
    quiet_libraries()
    check(cfg)
    if cfg.threads is not None:
        torch.set_num_threads(cfg.threads)
    if cfg.plan:
        console.print(plan([Line.of(Setting.of(cfg, told=told))]))
        return {}
    folder = Path(HydraConfig.get().runtime.output_dir)
    loggers: list[Any] = []
    line = Line.of(Setting.of(cfg, loggers, told))
    line.store.clear_locks()
    with line.store.in_use():
        if not line.store.has(line.report.stage):
            line.check()
        about = about_run(line)
        with opened(cfg.get("logger") or {}, about, loggers):
            if cfg.audit.get("shard") is not None:
                console.print(score_shard(line))
                return {}
            metrics = write(line, folder)
            tell(loggers, about, metrics, folder, line.train.steps)
    console.print(f"{summary(metrics)} {_where(folder)}")
    return metrics


def write(line: Line, folder: Path) -> Mapping[str, Any]:
    """Go through the stages and fill the run folder, which figures and tables read."""
    report = line.store.get(line.report.stage).path
    shutil.copytree(report, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
    record = {**line.record(), "choices": choices()}
    config = json.dumps(kept_config(line), indent=1)
    write_atomically(folder / "config.json", config.encode())
    write_atomically(folder / "result.json", json.dumps(record, indent=1).encode())
    metrics: Mapping[str, Any] = record["metrics"]
    return metrics


def kept_config(line: Line) -> dict[str, Any]:
    """The config that belongs to the results."""
    cfg = line.setting.cfg
    return {str(key): plain(value) for key, value in cfg.items() if key not in OUTSIDE}


def about_run(line: Line) -> About:
    """What loggers are told of a run at its start."""
    hydra, config = HydraConfig.get(), kept_config(line)
    chosen = {group: choice for group, choice in choices().items() if choice is not None}
    sweep = Path(hydra.sweep.dir).name if hydra.mode == RunMode.MULTIRUN else None
    group = None if sweep is None else f"{config['name']}/{sweep}"
    return About(digest([line.digest, config]), group, {**chosen, **dict(flat(config))})


def choices() -> dict[str, str | None]:
    """Which file of each config group this run is made of, by group: ``{"score": "margin"}``."""
    chosen = HydraConfig.get().runtime.choices
    return {group: chosen[group] for group in sorted(chosen) if not group.startswith("hydra/")}


def score_shard(line: Line) -> str:
    """Read one shard's instances and stop there."""
    for stage in line.scores.stages:
        line.store.get(stage)
    return (
        f"shard {line.scores.audit.shard} is read. When all are, the same command without "
        "audit.shard puts them together"
    )


def _where(folder: Path) -> str:
    """Where the results lie."""
    report, results = (_short(folder / name) for name in ("report.html", "result.json"))
    return f"Report: {report}  Results: {results}"


def quiet_libraries() -> None:
    """Leave a person only what concerns them."""
    os.environ.setdefault("WANDB_SILENT", "true")
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    setattr(warnings, "formatwarning", _for_people)  # noqa: B010


def _for_people(
    message: Warning | str, category: type[Warning], file: str, line: int, code: str | None = None
) -> str:
    """A warning without its place in the code, which says nothing of the run."""
    if category is UserWarning:
        return f"warning: {message}\n"
    return f"{file}:{line}: {category.__name__}: {message}\n"


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
