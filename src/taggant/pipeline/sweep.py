"""Sweeps: jobs know of each other's tests, are planned together, and every failure is listed.

Hydra's own account of a sweep names only the first of several failed jobs. Here each job leaves a
record (`taggant.pipeline.jobs`), and the callback reads them all.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write

from taggant.cli import before_errors, past_hydra
from taggant.configs import Plain, plain
from taggant.data.options import typed
from taggant.files import write_atomically
from taggant.pipeline.jobs import clear, print_outcome
from taggant.report.meanings import METRICS
from taggant.store.identity import digest

OWN = f"{__name__.partition('.')[0]}."
SWEEP = "sweep.json"
MODEL = (
    *("data", "marking", "victim", "unlearning", "defence"),
    *("reference", "score", "trainer", "seed"),
)
"""Config that runs must share for one reading of a model to serve them all."""


class Sweep(Callback):
    """Hydra's callback around a whole sweep."""

    asked: int | None = None

    def on_multirun_start(self, config: DictConfig, **_: object) -> None:
        """Compose all jobs and note their audits for each other; with ``plan=true``, only plan."""
        with past_hydra():
            self._begin(config)

    def _begin(self, config: DictConfig) -> None:
        HydraConfig.instance().set_config(config)
        folder = Path(config.hydra.sweep.dir)  # its time is fixed now, for all jobs
        if not all_given(config.hydra):
            check_objective(config)
        composed = list(_compose(config))
        check_folders(composed)
        asked = [{"model": model(cfg), "audit": plain(cfg.audit)} for cfg in composed]
        if config.plan:
            _plan(composed, asked)
            sys.exit()
        self.asked = len(composed) or None
        clear(folder)
        write_atomically(folder / SWEEP, json.dumps(asked, indent=1).encode())
        before_errors.append(lambda: print_outcome(folder, self.asked))

    def on_multirun_end(self, config: DictConfig, **_: object) -> None:
        """List all failures; exit with 1 if there are any."""
        before_errors.clear()
        with past_hydra():
            if not print_outcome(Path(config.hydra.sweep.dir), self.asked):
                sys.exit(1)


def check_objective(cfg: DictConfig) -> None:
    """Refuse an `objective` that no run has, before any run is made for it.

    Parts of somebody else's own may add metrics; whether a run has them shows at its end.

    Raises
    ------
    ValueError
        With the metrics that there are.
    """
    own = all(cfg[part]._target_.startswith(OWN) for part in ("audit", "victim", "unlearning"))
    if own and cfg.objective not in METRICS:
        near = difflib.get_close_matches(str(cfg.objective), METRICS, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(
            f"objective = {typed(cfg.objective)}{hint}: accepted are {', '.join(METRICS)}"
        )


def objective(cfg: DictConfig, metrics: Plain) -> float | None:
    """The number that a sweeper optimises; None for one that goes through given jobs.

    Raises
    ------
    ValueError
        If the run has no number by that name, for a sweeper that needs it.
    """
    value = metrics.get(cfg.objective)
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    if metrics and not all_given(HydraConfig.get()):
        numbers = [name for name, value in metrics.items() if isinstance(value, (int, float))]
        raise ValueError(
            f"objective = {cfg.objective}: of this run it is {typed(value)}; numbers are "
            f"{', '.join(numbers)}"
        )
    return None


def check_folders(composed: Sequence[DictConfig]) -> None:
    """Refuse a sweep in which one job would overwrite the results of another.

    Raises
    ------
    ValueError
        With the two jobs and their folder.
    """
    taken: dict[str, int] = {}
    for number, cfg in enumerate(composed):
        with read_write(cfg.hydra), open_dict(cfg.hydra):
            cfg.hydra.job.num, cfg.hydra.job.id = number, str(number)
        HydraConfig.instance().set_config(cfg)
        folder = os.path.normpath(cfg.hydra.sweep.subdir)
        if folder in taken:
            raise ValueError(
                f"hydra.sweep.subdir gives jobs {taken[folder]} and {number} one folder, {folder}: "
                "accepted is a name of its own for each job, such as ${hydra.job.num}"
            )
        taken[folder] = number


def sibling_audits(cfg: DictConfig) -> list[Plain]:
    """``audit`` configs of the sweep's jobs that read the same models as this one."""
    path = sweep_folder() / SWEEP
    asked = json.loads(path.read_text()) if path.exists() else []
    return audits_of(model(cfg), asked)


def sweep_folder() -> Path:
    """The folder of the sweep that this job is part of, wherever the job works."""
    hydra = HydraConfig.get()
    return Path(hydra.runtime.cwd) / hydra.sweep.dir


def audits_of(mine: str, asked: Sequence[Plain]) -> list[Plain]:
    """The ``audit`` configs, each once, of the jobs with this digest of `model`."""
    audits = [job["audit"] for job in asked if job["model"] == mine]
    return list({digest(audit): audit for audit in audits}.values())


def model(cfg: DictConfig) -> str:
    """Digest of the config that jobs must share to share readings (`MODEL`), 32 hex digits."""
    return digest({key: plain(cfg[key]) for key in MODEL})


def all_given(hydra: DictConfig | HydraConf) -> bool:
    """Whether all jobs are known beforehand; Optuna and the like draw them one by one."""
    return str(hydra.sweeper._target_).endswith(".BasicSweeper")


def _compose(config: DictConfig) -> Iterator[DictConfig]:
    """Config of every job; none if they are not `all_given`. Stops at one that does not compose."""
    if not all_given(config.hydra):
        return
    loader = GlobalHydra.instance().config_loader()
    params = config.hydra.sweeper.params or {}
    asked = [f"{key}={value}" for key, value in params.items()] + list(config.hydra.overrides.task)
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(asked)
    for job in product(*choices(overrides)):
        try:
            composed = loader.load_sweep_config(config, list(job))
        except HydraException:
            return  # Hydra says so itself, before it starts the first job
        HydraConfig.instance().set_config(composed)
        yield composed


def choices(overrides: Sequence[Override]) -> list[list[str]]:
    """The values of each key of a sweep, as overrides; if a key is given twice, the last counts.

    Hydra numbers the jobs of a sweep as `itertools.product` orders these.
    """
    found: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        values = (
            override.sweep_string_iterator()
            if override.is_sweep_override()
            else [override.get_value_element_as_str()]
        )
        found[key] = [f"{key}={value}" for value in values]
    return list(found.values())


def _plan(composed: Sequence[DictConfig], asked: Sequence[Plain]) -> None:
    from rich.console import Console

    from taggant.pipeline.check import check
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.kinds import run_from_context
    from taggant.pipeline.plan import plan

    for cfg in composed:
        check(cfg)
    runs = [
        run_from_context(RunContext.from_config(cfg, sibling_audits=audits_of(model(cfg), asked)))
        for cfg in composed
    ]
    Console(soft_wrap=True).print(plan(runs))
