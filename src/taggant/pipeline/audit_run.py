"""What the runs of every kind of audit share: the stages up to the model, and checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

import pytorch_lightning as lightning
from omegaconf import DictConfig

from taggant.data.imageset import ImageSet
from taggant.data.options import typed
from taggant.defence.deployed import check_defences
from taggant.pipeline.context import RunContext
from taggant.pipeline.defences import Defences
from taggant.pipeline.record import record, run_digest
from taggant.pipeline.stages.audit import Audit
from taggant.pipeline.stages.audit_set import AuditSet
from taggant.pipeline.stages.data import Data
from taggant.pipeline.stages.deploy import Deploy
from taggant.pipeline.stages.mark import Mark
from taggant.pipeline.stages.report import Report
from taggant.pipeline.stages.train import Train
from taggant.pipeline.stages.unlearn import Unlearn
from taggant.score import Score
from taggant.score.oracle import ANSWER, layer_of
from taggant.store.store import Stage
from taggant.victim.victim import Victim


def check_data(victim: Victim | type[Victim], data: ImageSet) -> None:
    """Refuse images without the labels or captions that a victim learns from.

    Parameters
    ----------
    victim : Victim or its class
        Says with its ``against`` what these are.
    data : ImageSet

    Raises
    ------
    ValueError
        If there are none.
    """
    if victim.against is not None and getattr(data, victim.against) is None:
        raise ValueError(
            f"{data.name} has no {victim.against}, which this victim learns from: choose other "
            "data (data=...)"
        )


def check_marking(marking: DictConfig, idle: Mapping[str, object], instead: str) -> None:
    """Refuse marking keys that the chosen audit would leave without effect.

    Parameters
    ----------
    marking : DictConfig
        The run's config of marking.
    idle : mapping
        Keys that this kind of audit does not look at, and the value that says so.
    instead : str
        What such keys are for: other audits, as they are chosen.

    Raises
    ------
    ValueError
        For a key with another value.
    """
    for key, accepted in idle.items():
        if key in marking and marking[key] != accepted:
            raise ValueError(
                f"marking.{key} = {typed(marking[key])} has no effect with this audit: accepted "
                f"is {typed(accepted)}, or an audit that it is for ({instead})"
            )


class AuditRun(ABC):
    """A run: its stages, each holding those that it reads.

    Nothing is computed when it is made; `taggant.store.store.Store.get` computes a stage.

    Parameters
    ----------
    context : RunContext
        Config, store and loggers.
    data : Data
    mark : Mark
    """

    mark: Mark

    def __init__(self, context: RunContext, data: Data, mark: Mark) -> None:
        self.context = context
        self.store = context.store
        self.data = data
        self.mark = mark
        defences = Defences(context, data)
        self.train = Train(context, data, mark, defences, self._watchers)
        self.unlearn = Unlearn(context, data, mark, self.train)
        parts = self.train, self.unlearn, defences
        self.deploy = Deploy(context, data, *parts) if defences.config else None

    @property
    @abstractmethod
    def audit(self) -> Audit | AuditSet:
        """The stage that audits the model."""

    @property
    @abstractmethod
    def stages(self) -> Mapping[str, Stage]:
        """Every stage that has results, in order, by the name it has in the run's record."""

    @abstractmethod
    def check_keys(self) -> None:
        """Refuse keys that the kind of audit does not read, whether results are stored or not.

        Raises
        ------
        ValueError
            With the key and what is accepted.
        """

    @abstractmethod
    def check(self) -> None:
        """Make every part once, so that a wrong parameter stops the run now, not after hours."""

    @abstractmethod
    def fits(self) -> None:
        """Refuse parts that do not fit each other, before any data are looked at.

        Raises
        ------
        ValueError
            With the parts and what would fit.
        """

    @property
    def audited(self) -> Unlearn | Deploy:
        """What ends in the model that is audited."""
        return self.deploy or self.unlearn

    def check_score(self, score: Score) -> None:
        """Refuse a score, or defences, that the victim's kind of answer does not fit."""
        layer = layer_of(score.access)
        defences, hidden = self.train.defences.first, None if layer == ANSWER else layer
        check_defences(defences, self.train.victim_class, hidden)
        score.check(self.train.victim_class)

    @property
    def model_stages(self) -> dict[str, Stage]:
        """Those that make the model that is asked."""
        deploy = {"deploy": self.deploy.stage} if self.deploy else {}
        return {"train": self.train.stage, "unlearn": self.unlearn.stage, **deploy}

    @cached_property
    def report(self) -> Report:
        """The stage that writes the report."""
        return Report(self.context, self.audit, lambda: self.stages)

    @property
    def digest(self) -> str:
        """Digest of all stages, 32 hex digits: runs with the same one have the same results."""
        return run_digest(self.stages)

    def record(self) -> dict[str, object]:
        """``result.json``: what ran, what it took, what came out."""
        return record(self.context.cfg.name, self.store, self.stages)

    def _watchers(self, epochs: Sequence[int]) -> list[lightning.Callback]:
        """Callbacks that watch training at these epochs: none, unless a kind of run has some."""
        return []
