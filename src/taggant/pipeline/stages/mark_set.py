"""Mark, for audits of a whole set: a pool is marked once, and any share of it enters training."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor

from taggant.files import write_atomically
from taggant.marking.ledger import SIMULATED, Ledger, fingerprint
from taggant.marking.publish import Published, publish, raw_sha256, remaking_device, versions_of
from taggant.marking.quality import quality
from taggant.marking.whole_set import count_of, marking_order
from taggant.pipeline.stages.mark import QUALITY, Mark
from taggant.store.identity import digest, sources
from taggant.store.store import Stage, Store

if TYPE_CHECKING:
    from taggant.data.imageset import ImageSet
    from taggant.marking.instances import Instances
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.stages.data import Data

CANDIDATES = "candidates.safetensors"


class MarkSet(Mark):
    """A pool of marked images, of which some replace their originals in training.

    Secret and index follow from the owner's key, the scheme and the data, not from how many
    images are marked or used: a control that uses none has the same carriers.

    Parameters
    ----------
    together : bool
        One index for all images.
    """

    def __init__(self, context: RunContext, data: Data, together: bool) -> None:
        super().__init__(context, data)
        self.together = together

    @cached_property
    def stage(self) -> Stage:
        """The part of the pool that enters training."""
        identity = {
            "used": self.context.config("marking")["used"],
            "sources": sources({}, type(self)),
        }
        return Stage("mix", identity, self._mix, needs=(self.pool,))

    @cached_property
    def pool(self) -> Stage:
        """The whole pool, marked and published; how much of it is used does not enter."""
        marking = self.context.config("marking")
        sizes = ("pool",) if marking["pool"] is not None else ("used", "unused")
        scheme, markers = self.markers.apart(marking["scheme"])
        identity = {
            "config": {**{key: marking[key] for key in ("balanced", *sizes)}, "scheme": scheme},
            "secret": fingerprint(self._key),
            "simulated": marking["secret"] == SIMULATED,
            "seed": self.context.seed("mark"),
            "sources": sources(scheme, type(self)),
        }
        return Stage("mark", identity, self._mark, needs=(self.data.stage, *markers))

    @property
    def purpose(self) -> str:
        """What the ledger's secret is derived for; the sizes of pool and used part do not enter."""
        parameters = self.scheme.parameters()
        return digest([parameters, self.data.stage.digest, self._seed, self.together])

    @property
    def ledger_path(self) -> Path:
        """Where the ledger lies."""
        return Path(self.context.cfg.paths.secrets) / "ledgers" / f"{self.pool.digest}.json"

    @cached_property
    def marked(self) -> Published:
        """The whole pool, as published."""
        return Published.load(self.context.store.get(self.pool).path)

    @cached_property
    def instances(self) -> Instances:
        """The whole pool, as the owner brings it to the audit."""
        return self._brought(self.marked, self.pool)

    def candidates(self, images: int) -> Tensor:
        """All n versions of the pool's first images, uint8 [M, n, C, H, W].

        They are made once and kept among the secrets: the published ones are there too, so their
        place in the list would tell the index.
        """
        marking = self.context.config("marking")
        identity = {
            "pool": self.pool.digest,
            "images": images,
            "sources": sources(marking["scheme"], type(self)),
        }

        def make(folder: Path) -> None:
            few = _first(self.instances, images)
            device = remaking_device(few.scheme, few.ledger, few.raw, few.published)
            every = np.tile(np.arange(self.scheme.n), (images, 1))
            versions = versions_of(few.scheme, few.ledger, few.raw, every, device)
            content = save({"versions": versions.cpu().contiguous()})
            write_atomically(folder / CANDIDATES, content, mode=0o600)

        secrets = Store(Path(self.context.cfg.paths.secrets))
        kept = secrets.get(Stage("candidates", identity, make))
        return load_file(kept.path / CANDIDATES)["versions"]

    def sizes(self, train: ImageSet) -> tuple[int, int]:
        """Number of marked images, and how many of them are used."""
        marking, total = self.context.cfg.marking, len(train)

        def size(name: str) -> int:
            return count_of(marking[name], total, f"marking.{name}")

        used = size("used")
        pooled = marking.pool is not None
        marked = size("pool") if pooled else min(used + size("unused"), total)
        if not marked > 0 or used > marked:
            raise ValueError(
                f"marking.used = {marking.used} of {marked} marked images: accepted are 1 or more "
                "marked ones (marking.pool, or used + unused), of which no more than all are used"
            )
        return marked, used

    def _order(self, train: ImageSet) -> NDArray[np.int64]:
        return marking_order(train, bool(self.context.cfg.marking.balanced), self._seed)

    @property
    def _seed(self) -> int:
        return self.context.seed("mark")

    def _mark(self, folder: Path) -> None:
        train = self.data.splits.train
        count, _ = self.sizes(train)
        chosen = train.select(self._order(train)[:count].tolist())
        parameters, hashes = self.scheme.parameters(), raw_sha256(chosen.images)
        ledger = Ledger.draw(
            self._key, self.purpose, parameters, self.scheme.n, chosen.ids, hashes, self.together
        )
        ledger.save(self.ledger_path)
        published = publish(self.scheme, ledger, chosen, count)
        published.save(folder)
        measured = vars(quality(chosen.images, published.images))
        (folder / QUALITY).write_text(json.dumps(measured, indent=1))

    def _mix(self, folder: Path) -> None:
        _, used = self.sizes(self.data.splits.train)
        _part(self.marked, used).save(folder)

    @property
    def quality(self) -> dict[str, float]:
        """PSNR, SSIM and the like of the published pool."""
        path = self.context.store.get(self.pool).path / QUALITY
        measured: dict[str, float] = json.loads(path.read_text())
        return measured


def _part(published: Published, count: int) -> Published:
    """The first `count` published images."""
    return replace(
        published,
        images=published.images[:count],
        ids=published.ids[:count],
        used=published.used[:count],
    )


def _first(instances: Instances, count: int) -> Instances:
    """The first `count` instances."""
    return replace(
        instances,
        raw=instances.raw.select(torch.arange(count)),
        published=_part(instances.published, count),
    )
