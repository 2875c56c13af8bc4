"""Deploy: the model behind its maker's defences, which is the one that is audited."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from taggant.answers import evaluating
from taggant.defence.defence import Tuning
from taggant.defence.deployed import Deployed
from taggant.pipeline.device import placed
from taggant.store.identity import sources
from taggant.store.store import Stage
from taggant.victim import training
from taggant.victim.finite_answers import FiniteAnswers
from taggant.victim.victim import Victim

Model = Victim | FiniteAnswers | Deployed
"""What may be asked."""

if TYPE_CHECKING:
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.defences import Defences
    from taggant.pipeline.stages.data import Data
    from taggant.pipeline.stages.train import Train
    from taggant.pipeline.stages.unlearn import Unlearn

STATE = "defences.safetensors"
MEASURES = "measures.json"


class Deploy:
    """Puts the victim, after unlearning, behind the defences."""

    def __init__(
        self, context: RunContext, data: Data, train: Train, unlearn: Unlearn, defences: Defences
    ) -> None:
        self.context = context
        self.data = data
        self.train = train
        self.unlearn = unlearn
        self.defences = defences

    @cached_property
    def stage(self) -> Stage:
        """Depends on the model and all defences."""
        config = self.defences.config
        identity = {
            "config": list(config.values()),
            "seed": self.defences.seed,
            "sources": sources(config, type(self)),
        }
        needs = (self.data.stage, self.train.stage, self.unlearn.stage)
        return Stage("deploy", identity, self._compute, needs=needs)

    def final(self) -> Deployed:
        """The model that is asked."""
        folder, defences = self.context.store.get(self.stage).path, self.defences.made()
        model = self.unlearn.final()
        training.load_weights(model, folder / training.FINAL)
        deployed = Deployed(model, defences)
        training.load_weights(deployed.defences, folder / STATE)
        return deployed

    @property
    def facts(self) -> dict[str, object]:
        """Utility behind the defences, and before them."""
        measures: dict[str, object] = json.loads(
            (self.context.store.get(self.stage).path / MEASURES).read_text()
        )
        return measures

    def _compute(self, folder: Path) -> None:
        model, device = placed(self.unlearn.final(), str(self.context.cfg.trainer.accelerator))
        held_out, defences = self.data.splits.test, self.defences.made()
        known = Tuning(self.train.images, held_out, self.defences.seed, device)
        with evaluating(model):
            before = float(model.utility(held_out))
            if isinstance(model, Victim):  # not one that unlearning broke
                for defence in defences:
                    defence.tune(model, known)
            deployed = Deployed(model, defences).to(device)
            after = float(deployed.utility(held_out))
        measures = {"utility": after, "utility_undefended": before}
        (folder / MEASURES).write_text(json.dumps(measures))
        training.save_weights(deployed.defences, folder / STATE)
        training.save_weights(model, folder / training.FINAL)
