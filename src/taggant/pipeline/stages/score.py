"""Score: exceedance bits of the final model and of the snapshots.

A record holds as many bits as its tests needed. A test that needs more extends the record, and a
run that asks less replays it; decisions are the same from any record that is long enough, so how
much was read is no part of a stage's identity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from numpy.typing import NDArray
from safetensors.numpy import load_file, save
from torch import Tensor

from taggant.auditing.engine import read
from taggant.auditing.fewer import first, whole, within
from taggant.auditing.readings import ALL, Readings
from taggant.files import write_atomically
from taggant.marking.draws import VIEWS
from taggant.marking.ledger import WHOLE_SET
from taggant.pipeline.device import placed
from taggant.pipeline.scores import score_config, score_of
from taggant.progress import rounds
from taggant.score.oracle import Oracle, arithmetic
from taggant.store.identity import digest, sources
from taggant.store.store import Stage

if TYPE_CHECKING:
    from taggant.auditing.instance import InstanceAudit
    from taggant.configs import Plain
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.stages.deploy import Deploy, Model
    from taggant.pipeline.stages.mark import Mark
    from taggant.pipeline.stages.reference import Reference
    from taggant.pipeline.stages.train import Train
    from taggant.pipeline.stages.unlearn import Unlearn
    from taggant.score import Score
    from taggant.stats import Boundary
    from taggant.victim.victim import Victim

RAW = "raw.safetensors"
WHOLE = (0, 1)


class Scores:
    """Readings of the models of a run."""

    def __init__(
        self,
        context: RunContext,
        mark: Mark,
        train: Train,
        unlearn: Unlearn,
        asked: Unlearn | Deploy,
        reference: Reference,
    ) -> None:
        self.context = context
        self.mark = mark
        self.train = train
        self.unlearn = unlearn
        self.asked = asked
        self.reference = reference

    @cached_property
    def audit(self) -> InstanceAudit:
        """The audit of the config, whose tests the readings serve."""
        audit: InstanceAudit = instantiate(self.context.cfg.audit)
        return audit

    @cached_property
    def score(self) -> Score:
        """The membership score."""
        return score_of(self.context.cfg.score, self.mark.stage.digest)

    @cached_property
    def boundaries(self) -> dict[float, Boundary]:
        """This run's test at each p.

        Raises
        ------
        ValueError
            Where no such test exists, naming what to change.
        """
        n, audit = self.versions, self.audit
        try:
            return audit.boundaries(n)
        except ValueError as error:
            versions = f"marking.n = {n}" if audit.versions is None else f"audit.versions = {n}"
            levels = f"audit.p = {audit.p}, audit.curve = {list(audit.curve or ())}"
            raise ValueError(f"{versions}, {levels}: {error}") from None

    @cached_property
    def versions(self) -> int:
        """Versions of an image that the audit goes by, the published one included.

        Raises
        ------
        ValueError
            If fewer were marked.
        """
        return self._versions_of(self.audit)

    def _versions_of(self, audit: InstanceAudit) -> int:
        n = self.mark.scheme.n
        if audit.versions is not None and audit.versions > n:
            raise ValueError(
                f"audit.versions = {audit.versions}: marking.n = {n} versions were marked; "
                f"accepted are 2 to {n}, and null"
            )
        return audit.versions or n

    @cached_property
    def tests(self) -> list[Boundary]:
        """Every test to serve: this run's and those of its sibling audits, each once."""
        tests = self._tests_of(self.audit)
        for config in self.context.sibling_audits:
            # Where another run's test does not exist, that run says so.
            with suppress(ValueError, InstantiationException):
                tests += self._tests_of(instantiate(config))
        return list({_boundary_digest(test): test for test in tests}.values())

    def _tests_of(self, audit: InstanceAudit) -> list[Boundary]:
        """One-sided tests, and where something is to be forgotten the two-sided one."""
        n = self._versions_of(audit)
        both = [_both_sides(audit, n)] if self.unlearn.forget else []
        return [self._readable(test) for test in (*audit.boundaries(n).values(), *both)]

    def _readable(self, test: Boundary) -> Boundary:
        """A test as a reading of all versions that were marked is told of it."""
        n = self.mark.scheme.n
        return test if test.n == n else within(test, n)

    @cached_property
    def both_sides(self) -> Boundary:
        """This run's two-sided test at p."""
        return _both_sides(self.audit, self.versions)

    @cached_property
    def final(self) -> Stage:
        """Readings of the deployed model; where it is the trained one, `trained` are of it too."""
        full = self.context.cfg.audit.read == ALL
        same = None if self._changed else lambda: self.trained
        return self._stage(self.asked.stage, 0, self.asked.final, "final model", full, same)

    @property
    def _changed(self) -> bool:
        """Whether the deployed model is another one than the trained one."""
        return bool(self.unlearn.method.depends) or self.asked is not self.unlearn

    @cached_property
    def curve(self) -> dict[int, Stage]:
        """Readings of each snapshot that is audited, by epoch."""
        last = slice(-1, None) if self.context.cfg.audit.curve is None else slice(None)
        return {epoch: self.at_epoch(epoch) for epoch in self.train.snapshots[last]}

    def at_epoch(self, epoch: int, victim: Victim | None = None) -> Stage:
        """Readings after an epoch: of the snapshot, or of a victim in training."""

        def model() -> Victim:
            return self.train.at_epoch(epoch) if victim is None else victim

        last = victim is None and epoch == self.train.snapshots[-1]
        same = (lambda: self.final) if last and not self._changed else None
        return self._stage(self.train.stage, epoch, model, f"epoch {epoch}", False, same)

    @property
    def trained(self) -> Stage:
        """Readings of the model before unlearning."""
        return self.curve[self.train.snapshots[-1]]

    @cached_property
    def raw(self) -> tuple[Stage, Stage]:
        """Raw scores of the published versions, before and after unlearning."""
        return (
            self._raw_stage(self.train.stage, self.train.final),
            self._raw_stage(self.asked.stage, self.asked.final),
        )

    def raw_scores(self, stage: Stage) -> NDArray[np.float32]:
        """Raw score of each instance's published version, [M]."""
        return load_file(self.context.store.get(stage).path / RAW)["scores"]

    def readings(self, stage: Stage) -> Readings:
        """A stage's readings, made if need be, of the versions that the audit goes by."""
        readings = Readings.load(self.context.store.get(stage).path)
        return readings if readings.n == self.versions else first(readings, self.versions)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All readings: the snapshots', and the final model's."""
        return *self.curve.values(), self.final

    def _stage(
        self,
        made_by: Stage,
        epoch: int,
        model: Callable[[], Model],
        title: str,
        full: bool,
        same: Callable[[], Stage] | None = None,
    ) -> Stage:
        """Readings of a model; they extend those of `same`, a stage on the same model, if any."""
        identity = self._identity(epoch)

        def until() -> list[Boundary] | None:
            if not full:
                return self.tests
            fewer = self.versions < self.mark.scheme.n
            return [*self.tests, self._readable(whole(self.versions))] if fewer else None

        def extent() -> Plain:
            tests, shard = until(), self.audit.part
            digests = ALL if tests is None else sorted(map(_boundary_digest, tests))
            return {"until": digests, "shard": list(shard)}

        def serves(folder: Path) -> bool:
            recorded = Readings.load(folder)
            return recorded.shard in (WHOLE, self.audit.part) and recorded.serves(until())

        def compute(folder: Path) -> None:
            stages = [stage] if same is None else [stage, same()]
            paths = [path for one in stages for path in self.context.store.records(one)]
            records = [Readings.load(path) for path in paths]
            long_enough = [r for r in records if r.shard == self.audit.part and r.serves(until())]
            merged = _merged(records, until()) if self.audit.part == WHOLE else None
            found = next(iter(long_enough), merged)
            (found or self._read(model(), records, until(), title)).save(folder)

        needs = (self.mark.stage, made_by, *self._beside_stages)
        stage = Stage("score", identity, compute, needs=needs, extent=extent, serves=serves)
        return stage

    def _raw_stage(self, made_by: Stage, model: Callable[[], Model]) -> Stage:
        def compute(folder: Path) -> None:
            oracle, score, targets = self._oracle(model())
            published = self.mark.published
            common = self.mark.instances.ledger.draws(WHOLE_SET).seed(VIEWS)
            raw = self.mark.instances.raw.images
            views = score.views_of(oracle, raw, targets, [common] * len(raw))
            scores = score.of_many(oracle, published.images, targets, views)
            write_atomically(folder / RAW, save({"scores": scores}))

        needs = (self.mark.stage, made_by, *self._beside_stages)
        return Stage("raw", self._identity(None), compute, needs=needs)

    @property
    def _beside_stages(self) -> tuple[Stage, ...]:
        """Reference models that version scores are less of."""
        return self.reference.stages if self.reference.asked.weight else ()

    def _identity(self, epoch: int | None) -> dict[str, Any]:
        config, references = score_config(self.context.cfg.score), self.reference.asked
        own: dict[str, Any] = {
            "config": config,
            "reference": references.weight if self._beside_stages else None,
            "epoch": epoch,
            "sources": sources(config, type(self)),
        }
        return own | arithmetic(self.context.cfg.audit)

    def _oracle(self, model: Model) -> tuple[Oracle, Score, Tensor]:
        """The model, ready to answer, its score, and what its answers are compared with."""
        victim, device = placed(model, str(self.context.cfg.trainer.accelerator))
        oracle = Oracle.of(self.audit, victim, self.score.access, device)
        score = self.score.prepared(victim, self.train.data.splits.test)
        beside = [self._beside(number) for number in range(len(self._beside_stages))]
        score = score.less(beside, self.reference.asked.weight)
        return oracle, score, score.targets(model, self.mark.instances.raw)

    def _beside(self, number: int) -> tuple[Oracle, Score]:
        """A reference model, ready to answer, and the score for it."""
        model, device = placed(
            self.reference.model(number), str(self.context.cfg.trainer.accelerator)
        )
        oracle = Oracle.of(self.audit, model, self.score.access, device)
        return oracle, self.score.prepared(model, self.train.data.splits.test)

    def _read(
        self,
        model: Model,
        records: Sequence[Readings],
        until: Sequence[Boundary] | None,
        title: str,
    ) -> Readings:
        """Ask the model, going on from the deepest record of the same instances."""
        oracle, score, targets = self._oracle(model)
        instances, shard = self.mark.instances, self.audit.part
        same = [record for record in records if record.shard == shard]
        count = len(range(shard[0], len(instances.raw), shard[1]))
        with rounds(title, count, self.context.progress) as progress:
            return read(
                oracle,
                score,
                instances,
                until,
                self.audit.block,
                progress,
                shard,
                max(same, key=lambda record: int(record.reads.sum()), default=None),
                targets=targets,
            )


def _merged(records: Sequence[Readings], until: Sequence[Boundary] | None) -> Readings | None:
    """Readings merged from all shards of one split that reach far enough; None if some miss."""
    serving = [record for record in records if record.shard != WHOLE and record.serves(until)]
    for k in sorted({record.shard[1] for record in serving}):
        shards = {record.shard[0]: record for record in serving if record.shard[1] == k}
        if len(shards) == k:
            return Readings.merge(list(shards.values()))
    return None


def _both_sides(audit: InstanceAudit, n: int) -> Boundary:
    least = math.ceil(2 / Fraction(str(audit.p)))
    if n < least:
        raise ValueError(
            f"marking.n = {n}, audit.p = {audit.p}: what unlearning leaves is tested on both sides "
            "(used, over-forgotten), each at half of audit.p; accepted are marking.n >= "
            f"{least} or audit.p >= {2 / n:g}"
        )
    return audit.both_sides(n)


def _boundary_digest(boundary: Boundary) -> str:
    high = boundary.claim_high
    arrays = (boundary.claim, boundary.stop, *(() if high is None else (high,)))
    return digest([array.tolist() for array in arrays])
