"""Membership: scores of whole images, published and withheld, under the model and references."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from taggant.auditing.attacks import of_each, usual
from taggant.auditing.membership import image_scores
from taggant.files import write_atomically
from taggant.pipeline.device import placed
from taggant.pipeline.scores import score_config, score_of
from taggant.score.oracle import Oracle, arithmetic
from taggant.store.identity import sources
from taggant.store.store import Stage

if TYPE_CHECKING:
    from taggant.auditing.controlled import ControlledAudit
    from taggant.marking.instances import Population
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.stages.deploy import Deploy, Model
    from taggant.pipeline.stages.mark import Mark
    from taggant.pipeline.stages.reference import Reference
    from taggant.pipeline.stages.train import Train
    from taggant.pipeline.stages.unlearn import Unlearn
    from taggant.score import Score

FILE = "membership.safetensors"


class Membership:
    """Scores each marked image, published or withheld, under the audited model and references."""

    def __init__(
        self,
        context: RunContext,
        audit: ControlledAudit,
        mark: Mark,
        train: Train,
        asked: Unlearn | Deploy,
        reference: Reference,
    ) -> None:
        self.context = context
        self.audit = audit
        self.mark = mark
        self.train = train
        self.asked = asked
        self.reference = reference

    @cached_property
    def score(self) -> Score:
        """The membership score: the audit's own, else the one that ranks versions."""
        return score_of(self._config, self.mark.stage.digest)

    @property
    def _config(self) -> Any:
        return self.context.cfg.audit.membership or self.context.cfg.score

    @cached_property
    def population(self) -> Population:
        """The marked images, published ones first."""
        return self.mark.population

    @cached_property
    def final(self) -> Stage:
        """Scores under the audited model."""
        return self._stage(self.asked.stage, self.asked.final)

    @cached_property
    def references(self) -> tuple[Stage, ...]:
        """Scores under each reference model."""
        return tuple(
            self._stage(stage, partial(self.reference.model, number))
            for number, stage in enumerate(self.reference.stages)
        )

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All of them."""
        return self.final, *self.references

    def check(self) -> None:
        """Refuse an attack that these references do not serve."""
        if self.audit.attack is None:
            return
        asked = self.reference.asked
        if not asked.count:
            raise ValueError(
                "audit/attack says how reference models are used, and there are none: choose "
                "reference=known or reference=public"
            )
        inside = (np.arange(asked.count) % 2 == 0)[None] & asked.known
        self.audit.attack(np.zeros(1), np.zeros(inside.shape), inside)

    def scores(self) -> NDArray[np.float64]:
        """Of each image, beside what the references say; larger = more likely used."""
        own = self._of(self.final)
        if not self.references:
            return own
        attack = self.audit.attack or usual(self._inside)
        return attack(own, self._theirs, self._inside)

    def difficulty(self) -> NDArray[np.float64]:
        """Mean score under the references that did not learn from an image."""
        return np.asarray(of_each(self._theirs, ~self._inside).mean(1))

    @property
    def _theirs(self) -> NDArray[np.float64]:
        """Scores of each image under each reference, [N, R]."""
        return np.stack([self._of(stage) for stage in self.references], axis=1)

    @property
    def _inside(self) -> NDArray[np.bool_]:
        """Whether a reference learned the image, [N, R]."""
        inside: NDArray[np.bool_] = self.reference.inside(self.population.raw.ids).T
        return inside

    def _of(self, stage: Stage) -> NDArray[np.float64]:
        return load_file(self.context.store.get(stage).path / FILE)["scores"]

    def _stage(self, made_by: Stage, model: Callable[[], Model]) -> Stage:
        config = score_config(self._config)

        def compute(folder: Path) -> None:
            victim, device = placed(model(), str(self.context.cfg.trainer.accelerator))
            audit, population = self.audit, self.population
            oracle = Oracle.of(audit, victim, self.score.access, device)
            score = self.score.prepared(victim, self.train.data.splits.test)
            targets = score.targets(victim, population.raw)
            found = image_scores(oracle, score, population, targets, audit.asked)
            write_atomically(folder / FILE, save({"scores": found}))

        identity = {
            "config": config,
            **arithmetic(self.context.cfg.audit),
            "asked": self.audit.asked,
            "sources": sources(config, type(self)),
        }
        return Stage("membership", identity, compute, needs=(self.mark.stage, made_by))
