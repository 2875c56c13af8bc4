"""Report: page, figures and tables of a run, from which its folder is filled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from hydra.core.hydra_config import HydraConfig

from taggant import report
from taggant.marking.ledger import SIMULATED
from taggant.pipeline.record import record
from taggant.store.identity import sources
from taggant.store.store import Stage

if TYPE_CHECKING:
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.stages.audit import Audit
    from taggant.pipeline.stages.audit_set import AuditSet

Stages = Callable[[], Mapping[str, Stage]]
"""The stages of the run, by the names that they have in its record."""


class Report:
    """Writes the report of a run of any kind."""

    def __init__(self, context: RunContext, audit: Audit | AuditSet, stages: Stages) -> None:
        self.context = context
        self.audit = audit
        self.stages = stages

    @cached_property
    def stage(self) -> Stage:
        """Depends on the results and on the run's name."""
        identity = {"name": self.context.cfg.name, "sources": sources({}, type(self))}
        return Stage("report", identity, self._compute, needs=(self.audit.stage,))

    def _compute(self, folder: Path) -> None:
        audit = self.context.store.get(self.audit.stage).path
        for path in audit.iterdir():
            if path.suffix in (".parquet", ".csv", ".safetensors"):
                shutil.copyfile(path, folder / path.name)
        (folder / "context.json").write_text(json.dumps(self._context(), indent=1))
        made = record(self.context.cfg.name, self.context.store, self.stages())
        (folder / "result.json").write_text(json.dumps(made, indent=1))
        report.write(folder)

    def _context(self) -> dict[str, object]:
        """``context.json``: what the run was asked for, and on what it ran."""
        cfg, mark, splits = self.context.cfg, self.audit.mark, self.audit.data.splits
        parameters = mark.scheme.parameters().items()
        return {
            "experiment": cfg.name,
            "data": splits.train.name,
            "victim": _with_part("victim", "victim/net"),
            "scheme": ", ".join(f"{k} {v}" for k, v in parameters if v is not None),
            "score": option("score"),
            "access": option("score/access"),
            "views": int(cfg.score.views),
            "audit": _with_part("audit", "audit/test"),
            "n": int(cfg.audit.get("versions") or mark.scheme.n),
            "p": float(cfg.audit.p),
            "seed": int(cfg.seed),
            "secret": SIMULATED if cfg.marking.secret == SIMULATED else "file",
            "commitment": mark.published.commitment,
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "train_images": len(mark.training_set),
            "test_images": len(splits.test),
            "class_count": len(splits.train.class_names) or None,
            "unlearning": option("unlearning"),
            "defence": option("defence"),
            "command": " ".join(["python run.py", *HydraConfig.get().overrides.task]),
        }


def option(group: str) -> str:
    """The option chosen for a config group."""
    choice = HydraConfig.get().runtime.choices.get(group)
    return "none" if choice is None else str(choice)


def _with_part(group: str, part: str) -> str:
    """An option, and in brackets the one chosen for a part of it, if it has that part."""
    inner = option(part)
    return option(group) if inner == "none" else f"{option(group)} ({inner})"
