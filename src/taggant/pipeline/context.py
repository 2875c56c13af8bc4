"""What every stage of a run shares: its config, its store and its seeds."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger

from taggant.configs import Plain, plain
from taggant.store.store import Store


@dataclass(frozen=True)
class RunContext:
    """A composed config, with the store and the loggers of its run.

    Attributes
    ----------
    cfg : DictConfig
        The composed config.
    store : Store
        Where stages lie.
    loggers : sequence of Logger
        They log losses and curves while training.
    sibling_audits : sequence of mapping
        ``audit`` configs of the sweep's other runs that read the same models: one reading then
        serves them all.
    """

    cfg: DictConfig
    store: Store
    loggers: Sequence[Logger] = ()
    sibling_audits: Sequence[Plain] = ()

    @classmethod
    def from_config(
        cls, cfg: DictConfig, loggers: Sequence[Logger] = (), sibling_audits: Sequence[Plain] = ()
    ) -> RunContext:
        """The context of a composed config, with the store that it names."""
        return cls(cfg, Store(Path(cfg.paths.store)), loggers, sibling_audits)

    def config(self, group: str) -> Plain:
        """A config group, resolved to plain values."""
        return {str(key): value for key, value in plain(self.cfg[group]).items()}

    def seed(self, purpose: str) -> int:
        """A stage's own seed, split from the public root seed."""
        sequence = np.random.SeedSequence([int(self.cfg.seed), zlib.crc32(purpose.encode())])
        return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(12))

    @property
    def progress(self) -> bool:
        """Whether progress bars are shown."""
        return bool(self.cfg.progress)
