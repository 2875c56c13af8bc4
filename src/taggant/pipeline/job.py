"""A run as the command line starts it: alone, or as one job of a sweep."""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Collection
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from taggant.cli import explain, past_hydra
from taggant.configs import Plain, plain
from taggant.pipeline.jobs import ERROR, Job
from taggant.pipeline.loggers import CSV
from taggant.pipeline.run import execute
from taggant.pipeline.stages.train import world_size
from taggant.pipeline.sweep import objective, sibling_audits, sweep_folder
from taggant.stop import stoppable


def start(cfg: DictConfig) -> float | None:
    """Run a composed config, in the folder where the command was given.

    Returns
    -------
    float or None
        In a sweep, the metric named by ``objective``; None if the job failed.
    """
    hydra = HydraConfig.get()
    os.chdir(hydra.runtime.cwd)  # paths are those that were typed, whatever hydra.job.chdir says
    with stoppable():
        if hydra.mode == RunMode.MULTIRUN:
            return _job(cfg)
        _alone(cfg)
    return None


def _alone(cfg: DictConfig) -> None:
    """Run alone; remove the run's folder if it was refused, or stopped before any results."""
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    done = False
    try:
        with past_hydra():
            done = bool(execute(cfg))
            (folder / ERROR).unlink(missing_ok=True)
    finally:
        if not done:
            remove_unused(folder, {hydra.output_subdir, CSV}, Path(cfg.paths.runs))


def remove_unused(folder: Path, begun: Collection[str | None], runs: Path) -> None:
    """Remove a run's folder if it holds nothing but `begun`, then empty folders above it.

    Parameters
    ----------
    folder : Path
        The run's.
    begun : collection of str
        Names of what is no result: Hydra's own folder, losses so far.
    runs : Path
        Folder of all runs: nothing above it is removed.
    """
    if not folder.is_dir() or {path.name for path in folder.iterdir()} - {*begun}:
        return
    shutil.rmtree(folder)
    for above in folder.parents:
        if not above.is_relative_to(runs.absolute()) or any(above.iterdir()):
            return
        above.rmdir()


def _job(cfg: DictConfig) -> float | None:
    """Run one job of a sweep; if it fails, record the error and let the other jobs go on."""
    hydra, sweep = HydraConfig.get(), sweep_folder()
    job = Job(int(hydra.job.num), hydra.runtime.output_dir, list(hydra.overrides.task))
    metrics: Plain = {}
    try:
        job.begin(sweep)
        one_device(cfg, job.number)
        metrics = execute(cfg, sibling_audits(cfg))
        job.end(sweep, None)
    except Exception as failure:  # the border of a job: anything here must not stop the others
        error = explain(failure, job.overrides) or type(failure).__name__
        job.end(sweep, error, traceback.format_exc())
        print(f"job {job.number} failed: {error}", file=sys.stderr, flush=True)
    with past_hydra():  # no other job could do better
        return objective(cfg, metrics)


def one_device(cfg: DictConfig, number: int) -> None:
    """Give a job of a sweep one device, in turn where there are several.

    Raises
    ------
    ValueError
        If it asks for more.
    """
    world = world_size(plain(cfg.trainer))
    if world > 1:
        raise ValueError(
            f"trainer asks for {world} devices inside a sweep: accepted is trainer.devices=1, one "
            "a job. trainer=ddp is for a single large run, started without -m"
        )
    count = torch.cuda.device_count()
    if count > 1 and cfg.trainer.accelerator != "cpu":
        torch.cuda.set_device(number % count)
        with open_dict(cfg):
            cfg.trainer.devices = OmegaConf.create([number % count])
