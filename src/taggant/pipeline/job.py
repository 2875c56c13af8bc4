"""A run as the command line starts it: alone, or as one job of a sweep."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from taggant.cli import explain
from taggant.files import write_atomically
from taggant.pipeline.run import run
from taggant.pipeline.setting import plain
from taggant.pipeline.stages.train import world_size
from taggant.pipeline.sweep import STATUS, told


def start(cfg: DictConfig) -> float | None:
    """Run a composed config.

    Returns
    -------
    float or None
        In a sweep, the metric named by ``objective``; None if the job failed.
    """
    if cfg.threads is not None:
        torch.set_num_threads(int(cfg.threads))
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return _job(cfg)
    run(cfg)
    return None


def _job(cfg: DictConfig) -> float | None:
    """One job of a sweep; its failure is written down, and the others go on."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    overrides = list(HydraConfig.get().overrides.task)
    error = value = None
    try:
        one_device(cfg, int(HydraConfig.get().job.num))
        metrics = run(cfg, told(cfg))
        value = metrics.get(cfg.objective)
    except Exception as failure:  # the border of a job: anything here must not stop the others
        error = explain(failure, overrides) or type(failure).__name__
        write_atomically(folder / "error.txt", traceback.format_exc().encode())
        print(f"job {folder.name} failed: {error}", file=sys.stderr, flush=True)
    status = {"overrides": overrides, "error": error, "value": value}
    write_atomically(folder / STATUS, json.dumps(status, indent=1).encode())
    return value


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
