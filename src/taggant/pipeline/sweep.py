"""Sweeps: tell each job of the others, plan them together, list every failure at the end.

Hydra's own account of a sweep names only the first of several failed jobs. Here each job leaves a
``status.json`` in its folder, and the callback reads them all.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from taggant.cli import EXPECTED, explain
from taggant.files import write_atomically
from taggant.pipeline.setting import plain
from taggant.store.identity import digest

JOBS = "sweep.json"
STATUS = "status.json"
MODEL = ("data", "marking", "victim", "unlearning", "score", "trainer", "seed")
"""What runs must have in common for one reading of a model to serve them."""


class Sweep(Callback):
    """Hydra's view of a whole sweep."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Write down what all jobs will ask of their models; with ``plan=true``, only plan."""
        HydraConfig.instance().set_config(config)
        folder = Path(config.hydra.sweep.dir)  # its time is fixed now, for all jobs
        composed = list(_compose(config))
        if config.plan:
            sys.exit(_plan(composed))
        jobs = [{"model": model(cfg), "audit": plain(cfg.audit)} for cfg in composed]
        write_atomically(folder / JOBS, json.dumps(jobs, indent=1).encode())

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """List all failures; a sweep with any does not exit with 0."""
        folder = Path(config.hydra.sweep.dir)
        jobs = sorted(folder.glob(f"*/{STATUS}"), key=lambda path: path.parent.name.zfill(9))
        states = {path.parent: json.loads(path.read_text()) for path in jobs}
        failed = {job: state for job, state in states.items() if state["error"] is not None}
        print(f"{len(states) - len(failed)} of {len(states)} jobs finished. Results: {folder}")
        if not failed:
            return
        print(f"{len(failed)} failed; the same command tries them again:", file=sys.stderr)
        for job, state in failed.items():
            print(f"  {job.name}: {' '.join(state['overrides'])}", file=sys.stderr)
            print(f"     {state['error']} (see {job / 'error.txt'})", file=sys.stderr)
        sys.exit(1)


class ComposeOnce:
    """Composes each job's config once, where Hydra's sweeper and launcher do it again.

    Composing is nearly all the time of a job that finds its results in the store.
    """

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.known: dict[tuple[str, ...], DictConfig] = {}

    def __call__(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Hydra's ``load_sweep_config``."""
        key = tuple(sweep_overrides)
        if key not in self.known:
            compose = type(self.loader).load_sweep_config
            self.known[key] = compose(self.loader, master_config, sweep_overrides)
        return copy.deepcopy(self.known[key])

    def __getstate__(self) -> dict[str, Any]:
        """For other processes, without the configs of other jobs."""
        return {"loader": self.loader, "known": {}}


def told(cfg: DictConfig) -> list[Mapping[str, Any]]:
    """``audit`` configs of the sweep's jobs that read the same models as this one."""
    path = Path(HydraConfig.get().sweep.dir) / JOBS
    jobs = json.loads(path.read_text()) if path.exists() else []
    return kin(model(cfg), jobs)


def kin(mine: str, jobs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The different audits among the jobs of one model."""
    audits = [job["audit"] for job in jobs if job["model"] == mine]
    return list({digest(audit): audit for audit in audits}.values())


def model(cfg: DictConfig) -> str:
    """Digest of everything that decides what there is to read, 32 hex digits."""
    return digest({key: plain(cfg[key]) for key in MODEL})


def _compose(config: DictConfig) -> Iterator[DictConfig]:
    """Config of every job; none where the sweeper draws them as it goes, or one is wrong."""
    if not config.hydra.sweeper._target_.endswith(BasicSweeper.__name__):
        return
    loader: Any = GlobalHydra.instance().config_loader()
    loader.load_sweep_config = ComposeOnce(loader)
    params = config.hydra.sweeper.params or {}
    asked = [f"{key}={value}" for key, value in params.items()] + list(config.hydra.overrides.task)
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(asked)
    for job in BasicSweeper.split_arguments(overrides, None)[0]:
        try:
            composed = loader.load_sweep_config(config, job)
        except HydraException:
            return  # Hydra says so itself, before it starts the first job
        HydraConfig.instance().set_config(composed)
        yield composed


def _plan(composed: Sequence[DictConfig]) -> int:
    from rich.console import Console

    from taggant.pipeline.line import Line
    from taggant.pipeline.plan import plan
    from taggant.pipeline.setting import Setting

    jobs = [{"model": model(cfg), "audit": plain(cfg.audit)} for cfg in composed]
    try:
        lines = [Line.of(Setting.of(cfg, told=kin(model(cfg), jobs))) for cfg in composed]
        Console(soft_wrap=True).print(plan(lines))
    except EXPECTED as error:
        print(f"error: {explain(error, ())}", file=sys.stderr)
        return 2
    return 0
