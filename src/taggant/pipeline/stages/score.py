"""Score: exceedance bits of the final model and of the snapshots.

A record holds as many bits as its tests needed. A test that needs more extends the record, and a
run that asks less replays it; decisions are the same from any record that is long enough, so the
depth is no part of a stage's identity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate

from taggant.audit.engine import Readings, read
from taggant.audit.instance import InstanceAudit
from taggant.pipeline.digest import digest, sources
from taggant.pipeline.progress import rounds
from taggant.pipeline.setting import Plain, Setting
from taggant.pipeline.stages.mark import Mark
from taggant.pipeline.stages.train import Train
from taggant.pipeline.stages.unlearn import Unlearn
from taggant.pipeline.store import Stage
from taggant.score import Oracle, Score
from taggant.stats import Boundary

CODE = (__name__, "taggant.audit.engine", "taggant.score")
FULL = "full"


class Scores:
    """Readings of the models of a run."""

    def __init__(self, setting: Setting, mark: Mark, train: Train, unlearn: Unlearn) -> None:
        self.setting = setting
        self.mark = mark
        self.train = train
        self.unlearn = unlearn

    @cached_property
    def audit(self) -> InstanceAudit:
        """Which tests the readings are for."""
        audit: InstanceAudit = instantiate(self.setting.cfg.audit)
        return audit

    @cached_property
    def score(self) -> Score:
        """The membership score."""
        score: Score = instantiate(self.setting.cfg.score)
        return score

    @cached_property
    def boundaries(self) -> dict[float, Boundary]:
        """This run's test at each p."""
        return self.audit.boundaries(self.mark.scheme.n)

    @cached_property
    def tests(self) -> list[Boundary]:
        """Every test to serve: this run's and those it was told of, each once."""
        tests = list(self.boundaries.values())
        for config in self.setting.told:
            # Where another run's test does not exist, that run says so.
            with suppress(ValueError):
                tests += instantiate(config).boundaries(self.mark.scheme.n).values()
        return list({_boundary_digest(test): test for test in tests}.values())

    @cached_property
    def final(self) -> Stage:
        """Readings of the model after unlearning."""
        full = self.audit.depth == FULL
        return self._stage(self.unlearn.stage, 0, self.unlearn.final, "final model", full)

    @cached_property
    def curve(self) -> dict[int, Stage]:
        """Readings of each snapshot, by epoch."""
        return {epoch: self.at_epoch(epoch) for epoch in self.train.snapshots}

    def at_epoch(self, epoch: int, victim: Any = None) -> Stage:
        """Readings after an epoch: of the snapshot, or of a victim in training."""

        def model() -> Any:
            return self.train.at_epoch(epoch) if victim is None else victim

        return self._stage(self.train.stage, epoch, model, f"epoch {epoch}", full=False)

    def readings(self, stage: Stage) -> Readings:
        """A stage's readings, made if need be."""
        return Readings.load(self.setting.store.get(stage).path)

    def _stage(
        self, made_by: Stage, epoch: int, model: Callable[[], Any], title: str, full: bool
    ) -> Stage:
        config = self.setting.config("score")
        identity = {
            "config": config,
            "epoch": epoch,
            "seed": self.setting.seed("audit"),
            "sources": sources(config, CODE),
        }

        def until() -> list[Boundary] | None:
            return None if full else self.tests

        def extent() -> Plain:
            tests = until()
            return {"until": FULL if tests is None else sorted(map(_boundary_digest, tests))}

        def compute(folder: Path) -> None:
            self._read(model, until(), title).save(folder)

        def serves(folder: Path) -> bool:
            return Readings.load(folder).serves(until())

        needs = (self.mark.stage, made_by)
        return Stage("score", identity, compute, needs=needs, extent=extent, serves=serves)

    def _read(
        self, model: Callable[[], Any], until: Sequence[Boundary] | None, title: str
    ) -> Readings:
        victim, device = _placed(model(), str(self.setting.cfg.trainer.accelerator))
        oracle = Oracle(victim, self.score.access, self.audit.batch_size, device)
        instances = self.mark.instances
        with rounds(title, len(instances.raw), self.setting.progress) as progress:
            return read(
                oracle,
                self.score,
                instances,
                self.setting.seed("audit"),
                until,
                self.audit.block,
                progress,
            )


def _placed(victim: Any, accelerator: str) -> tuple[Any, torch.device]:
    """The victim on the device where it answers: where it is in training, else a GPU if any."""
    if victim.device.type == "cpu" and accelerator != "cpu" and torch.cuda.is_available():
        victim = victim.to("cuda")
    return victim, victim.device


def _boundary_digest(boundary: Boundary) -> str:
    return digest([boundary.claim.tolist(), boundary.stop.tolist()])
