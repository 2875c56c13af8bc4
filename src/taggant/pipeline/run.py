"""One run: go through the stages, write the run folder, draw the report."""

from __future__ import annotations

import json
import logging
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from taggant import report
from taggant.marking.ledger import SIMULATED
from taggant.pipeline.digest import digest
from taggant.pipeline.files import write_atomically
from taggant.pipeline.stages import Line

TABLES = ("instances.parquet", "claims.csv", "curves.csv", "samples.safetensors")


def run(cfg: DictConfig) -> Path | None:
    """Run a composed config; returns the run folder (None for ``plan=true``)."""
    console = Console(soft_wrap=True)
    quiet_libraries()
    folder = Path(HydraConfig.get().runtime.output_dir)
    loggers = [instantiate(node) for node in cfg.logger.values()]
    line = Line(cfg, loggers)
    if cfg.plan:
        console.print(plan(line))
        return None
    try:
        write(line, folder)
    finally:
        for logger in loggers:
            logger.finalize("finished")
    page = report.write(folder)
    console.print(summary(folder, page))
    return folder


def plan(line: Line) -> Table:
    """What would run, and what is already there."""
    table = Table("stage", "digest", "state")
    for name, stage in line.stages():
        table.add_row(name, stage.digest, "stored" if line.store.has(stage) else "to run")
    return table


def write(line: Line, folder: Path) -> None:
    """Go through the stages and write the run folder that reports and figures read."""
    cfg = line.cfg
    folder.mkdir(parents=True, exist_ok=True)
    line.get(line.data)
    line.new_victim()  # a wrong parameter is told now, not after hours
    artifacts = {name: line.get(stage) for name, stage in line.stages()}
    audit = artifacts["audit"].path
    for name in TABLES:
        if (audit / name).exists():
            shutil.copyfile(audit / name, folder / name)
    result = {
        "schema": 1,
        "experiment": cfg.name,
        "digest": digest([artifact.digest for artifact in artifacts.values()]),
        "stages": {
            name: {
                "digest": artifact.digest,
                "seconds": round(artifact.seconds, 3),
                "cached": artifact.cached,
            }
            for name, artifact in artifacts.items()
        },
        "metrics": json.loads((audit / "metrics.json").read_text()),
    }
    write_atomically(folder / "context.json", json.dumps(context(line), indent=1).encode())
    write_atomically(folder / "result.json", json.dumps(result, indent=1).encode())


def context(line: Line) -> dict[str, Any]:
    """The setting, for the reader of a report."""
    cfg, splits = line.cfg, line.splits
    overrides = HydraConfig.get().overrides.task
    return {
        "experiment": cfg.name,
        "data": splits.train.name,
        "victim": f"{cfg.victim._target_.rpartition('.')[2]} ({_options('victim/net')})",
        "scheme": _named(line.scheme.parameters()),
        "score": _options("score"),
        "access": _options("score/access"),
        "views": line.score.views,
        "test": _options("audit/test"),
        "n": line.scheme.n,
        "p": line.audit_config.p,
        "seed": int(cfg.seed),
        "secret": SIMULATED if cfg.marking.secret == SIMULATED else "file",
        "commitment": line.published.commitment,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "train_images": len(splits.train) - int((~line.published.used).sum()),
        "test_images": len(splits.test),
        "class_count": len(splits.train.class_names),
        "unlearning": _options("unlearning"),
        "command": " ".join(["python run.py", *overrides]),
    }


def summary(folder: Path, page: Path) -> str:
    """The last line of a run."""
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    low, high = metrics["false_detection_rate_ci"]
    return (
        f"[bold]used images claimed: {metrics['detection_rate']:.1%}[/bold] "
        f"({metrics['used']} audited), unused images claimed: "
        f"{metrics['false_detection_rate']:.1%} [{low:.1%}, {high:.1%}] at p = {metrics['p']:g}. "
        f"Report: {_short(page)}  Results: {_short(folder / 'result.json')}"
    )


def quiet_libraries() -> None:
    """Leave a person only what concerns them."""
    os.environ.setdefault("WANDB_SILENT", "true")
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _options(group: str) -> str:
    """The option chosen for a config group."""
    choice = HydraConfig.get().runtime.choices.get(group)
    return "none" if choice is None else str(choice)


def _named(parameters: Any) -> str:
    return ", ".join(f"{key} {value}" for key, value in parameters.items())


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
