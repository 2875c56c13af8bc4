"""One run: go through the stages, fill the run folder."""

from __future__ import annotations

import json
import logging
import os
import shutil
import warnings
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from taggant.pipeline.files import write_atomically
from taggant.pipeline.line import Line
from taggant.pipeline.setting import Setting


def run(cfg: DictConfig) -> Path | None:
    """Run a composed config; returns the run folder (None for ``plan=true``)."""
    console = Console(soft_wrap=True)
    quiet_libraries()
    folder = Path(HydraConfig.get().runtime.output_dir)
    loggers = [instantiate(node) for node in cfg.logger.values()]
    line = Line(Setting.of(cfg, loggers))
    if cfg.plan:
        console.print(plan(line))
        return None
    try:
        write(line, folder)
    finally:
        for logger in loggers:
            logger.finalize("finished")
    console.print(summary(folder))
    return folder


def plan(line: Line) -> Table:
    """What would run, and what is already there."""
    table = Table("stage", "digest", "state")
    for name, stage in line.stages.items():
        table.add_row(name, stage.digest, "stored" if line.store.has(stage) else "to run")
    return table


def write(line: Line, folder: Path) -> None:
    """Go through the stages and fill the run folder, which figures and tables read."""
    if not line.store.has(line.report.stage):
        line.check()
    report = line.store.get(line.report.stage).path
    shutil.copytree(report, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest*"))
    write_atomically(folder / "result.json", json.dumps(line.record(), indent=1).encode())


def summary(folder: Path) -> str:
    """The last line of a run."""
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    low, high = metrics["false_detection_rate_ci"]
    return (
        f"[bold]used images claimed: {metrics['detection_rate']:.1%}[/bold] "
        f"({metrics['used']} audited), unused images claimed: "
        f"{metrics['false_detection_rate']:.1%} [{low:.1%}, {high:.1%}] at p = {metrics['p']:g}. "
        f"Report: {_short(folder / 'report.html')}  Results: {_short(folder / 'result.json')}"
    )


def quiet_libraries() -> None:
    """Leave a person only what concerns them."""
    os.environ.setdefault("WANDB_SILENT", "true")
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
