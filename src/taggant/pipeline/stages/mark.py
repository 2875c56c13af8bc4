"""Mark: the published versions. The ledger lies with the secrets, not in the stage's folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from hydra.utils import instantiate

from taggant.marking.instances import Instances, Population
from taggant.marking.ledger import SIMULATED, Ledger, fingerprint, owner_key
from taggant.marking.publish import (
    Published,
    choose,
    equal_versions_rate,
    publish,
    raw_sha256,
)
from taggant.marking.quality import quality
from taggant.pipeline.markers import Markers
from taggant.store.identity import sources
from taggant.store.store import Stage

if TYPE_CHECKING:
    from taggant.configs import Plain
    from taggant.data.imageset import ImageSet
    from taggant.marking.scheme import Scheme
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.stages.data import Data

CONFIG = ("used", "unused", "withhold", "selection")
QUALITY = "quality.json"


class Mark:
    """Marks the chosen images, publishes a version of each and keeps the ledger."""

    def __init__(self, context: RunContext, data: Data) -> None:
        self.context = context
        self.data = data
        self.markers = Markers(context, data)

    @cached_property
    def scheme(self) -> Scheme:
        """The marking scheme."""
        scheme: Scheme = self.markers.instantiate(self.context.cfg.marking.scheme)
        return scheme

    @cached_property
    def stage(self) -> Stage:
        """Depends on a fingerprint of the owner's key; the published indices do not enter."""
        marking = self.context.config("marking")
        scheme, markers = self.markers.apart(marking["scheme"])
        identity = {
            "config": {**{key: marking[key] for key in CONFIG}, "scheme": scheme},
            "secret": fingerprint(self._key),
            "simulated": marking["secret"] == SIMULATED,
            "seed": self.context.seed("mark"),
            "sources": sources(scheme, type(self)),
        }
        return Stage("mark", identity, self._compute, needs=(self.data.stage, *markers))

    @cached_property
    def _key(self) -> bytes:
        return owner_key(str(self.context.cfg.marking.secret), int(self.context.cfg.seed))

    def _compute(self, folder: Path) -> None:
        marking = self.context.cfg.marking
        train, seed = self.data.splits.train, self.context.seed("mark")
        chosen = choose(train, marking.used, marking.unused, seed, marking.withhold)
        ledger = Ledger.draw(
            self._key,
            self.stage.digest,
            self.scheme.parameters(),
            self.scheme.n,
            chosen.ids,
            raw_sha256(chosen.images),
            withhold=marking.withhold,
        )
        ledger.save(self.ledger_path)
        selection = instantiate(marking.selection)
        published = publish(self.scheme, ledger, chosen, marking.used, selection)
        published.save(folder)
        shown = chosen.select([chosen.ids.index(image_id) for image_id in published.ids])
        measured = quality(shown.images, published.images)
        equal = equal_versions_rate(self.scheme, ledger, chosen)
        (folder / QUALITY).write_text(
            json.dumps({**vars(measured), "equal_versions_rate": equal}, indent=1)
        )

    @property
    def ledger_path(self) -> Path:
        """Where the ledger lies."""
        return Path(self.context.cfg.paths.secrets) / "ledgers" / f"{self.stage.digest}.json"

    @cached_property
    def published(self) -> Published:
        """The published images, the only part of the stage that the victim reads."""
        return Published.load(self.context.store.get(self.stage).path)

    @property
    def quality(self) -> Plain:
        """PSNR, SSIM and the like of the published versions."""
        path = self.context.store.get(self.stage).path / QUALITY
        measured: Plain = json.loads(path.read_text())
        return measured

    @cached_property
    def training_set(self) -> ImageSet:
        """The victim's training images: used instances marked, unused ones left out."""
        return self.published.training_set(self.data.splits.train)

    @cached_property
    def instances(self) -> Instances:
        """What the owner brings to the audit.

        Raises
        ------
        FileNotFoundError
            If the ledger is gone.
        ValueError
            If the scheme marks otherwise than when the ledger was drawn.
        """
        return self._brought(self.published, self.stage)

    def _brought(self, published: Published, stage: Stage) -> Instances:
        if not self.ledger_path.exists():
            raise FileNotFoundError(
                f"{self.ledger_path}: the ledger of these published images is gone; without it "
                f"nothing can be audited. Remove {self.context.store.folder(stage)} to mark "
                "again."
            )
        ledger = Ledger.load(self.ledger_path)
        ledger.check(self.scheme.parameters())
        return Instances(self._raw(published.ids), self.scheme, ledger, published)

    @cached_property
    def population(self) -> Population:
        """The marked images, published ones first, then those that were withheld."""
        ids = (*self.published.ids, *self.published.withheld)
        published = np.arange(len(ids)) < len(self.published.ids)
        return Population(self._raw(ids), self.scheme, self.instances.ledger, published)

    def _raw(self, ids: Sequence[str]) -> ImageSet:
        train = self.data.splits.train
        return train.select(train.rows_of(ids))
