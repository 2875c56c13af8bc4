"""One run: go through the stages, fill the run folder."""

from __future__ import annotations

import json
import logging
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger
from rich.console import Console

from taggant.configs import Plain, plain
from taggant.files import write_atomically
from taggant.pipeline.audit_run import AuditRun
from taggant.pipeline.check import check
from taggant.pipeline.context import RunContext
from taggant.pipeline.instance_run import InstanceRun
from taggant.pipeline.kinds import run_from_context
from taggant.pipeline.loggers import About, opened, tell
from taggant.pipeline.plan import plan
from taggant.report.flat import flat
from taggant.report.wording import summary
from taggant.store.identity import digest
from taggant.store.manifest import MANIFEST

OUTSIDE = ("logger", "paths", "plan", "progress", "threads", "objective")
"""Config that no result depends on; the others become columns of the table of results."""


def execute(cfg: DictConfig, sibling_audits: Sequence[Plain] = ()) -> Plain:
    """Run a composed config.

    Parameters
    ----------
    cfg : DictConfig
        The composed config.
    sibling_audits : sequence of mapping
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
        context = RunContext.from_config(cfg, sibling_audits=sibling_audits)
        console.print(plan([run_from_context(context)]))
        return {}
    folder = Path(HydraConfig.get().runtime.output_dir)
    loggers: list[Logger] = []
    run = run_from_context(RunContext.from_config(cfg, loggers, sibling_audits))
    run.check_keys()
    run.store.clear_locks()
    with run.store.in_use():
        if not run.store.has(run.report.stage):
            run.check()
        about = about_run(run)
        with opened(cfg.get("logger") or {}, about, loggers):
            if cfg.audit.get("shard") is not None:
                console.print(score_shard(run))
                return {}
            metrics = write(run, folder)
            tell(loggers, about, metrics, folder, run.train.steps)
    console.print(f"{summary(metrics)} {_where(folder)}")
    return metrics


def write(run: AuditRun, folder: Path) -> Plain:
    """Go through the stages and fill the run folder, which figures and tables read."""
    report = run.store.get(run.report.stage).path
    shutil.copytree(report, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
    record: Plain = {**run.record(), "choices": choices()}
    config = json.dumps(kept_config(run), indent=1)
    write_atomically(folder / "config.json", config.encode())
    write_atomically(folder / "result.json", json.dumps(record, indent=1).encode())
    metrics: Plain = record["metrics"]
    return metrics


def kept_config(run: AuditRun) -> dict[str, object]:
    """The config as kept with the results: without `OUTSIDE`, which no result depends on."""
    cfg = run.context.cfg
    return {str(key): plain(value) for key, value in cfg.items() if key not in OUTSIDE}


def about_run(run: AuditRun) -> About:
    """What loggers need to know of a run before it starts."""
    hydra, config = HydraConfig.get(), kept_config(run)
    chosen = {group: choice for group, choice in choices().items() if choice is not None}
    sweep = Path(hydra.sweep.dir).name if hydra.mode == RunMode.MULTIRUN else None
    group = None if sweep is None else f"{config['name']}/{sweep}"
    return About(digest([run.digest, config]), group, {**chosen, **dict(flat(config))})


def choices() -> dict[str, str | None]:
    """Which file of each config group this run is made of, by group: ``{"score": "margin"}``."""
    chosen = HydraConfig.get().runtime.choices
    return {group: chosen[group] for group in sorted(chosen) if not group.startswith("hydra/")}


def score_shard(run: AuditRun) -> str:
    """Read the instances of one shard, and say how to go on."""
    assert isinstance(run, InstanceRun)  # no other audit takes a shard
    for stage in run.scores.stages:
        run.store.get(stage)
    return (
        f"shard {run.scores.audit.shard} is read. When all are, the same command without "
        "audit.shard puts them together"
    )


def _where(folder: Path) -> str:
    """Where the results lie."""
    report, results = (_short(folder / name) for name in ("report.html", "result.json"))
    return f"Report: {report}  Results: {results}"


def quiet_libraries() -> None:
    """Silence messages of Lightning and Weights & Biases, and print warnings on one line."""
    os.environ.setdefault("WANDB_SILENT", "true")
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    setattr(warnings, "formatwarning", _for_people)  # noqa: B010


def _for_people(
    message: Warning | str, category: type[Warning], file: str, line: int, code: str | None = None
) -> str:
    """Our own warnings without file and line; others' in the usual form."""
    if category is UserWarning:
        return f"warning: {message}\n"
    return f"{file}:{line}: {category.__name__}: {message}\n"


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
