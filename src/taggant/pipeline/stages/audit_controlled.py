"""Audit of controlled publication: ranks among withheld images, alone or beside version ranks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from taggant.auditing.controlled import ControlledAudit, by_level, evidence, owner, rates
from taggant.auditing.instance import firm_totals, rate_row
from taggant.marking.ledger import WHOLE_SET
from taggant.pipeline.samples import save_samples
from taggant.pipeline.stages.audit import CLAIM_LEVELS, Audit
from taggant.store.identity import sources
from taggant.store.store import Stage

if TYPE_CHECKING:
    from taggant.auditing.sets import Evidence
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.stages.data import Data
    from taggant.pipeline.stages.deploy import Deploy
    from taggant.pipeline.stages.mark import Mark
    from taggant.pipeline.stages.membership import Membership
    from taggant.pipeline.stages.score import Scores
    from taggant.pipeline.stages.train import Train
    from taggant.pipeline.stages.unlearn import Unlearn

CONFIG = ("_target_", "p", "combine", "weight", "attack", "strata", "sets", "versions")


class AuditControlled(Audit):
    """Decides about each image from its rank among withheld ones, alone or with version ranks."""

    def __init__(
        self,
        context: RunContext,
        data: Data,
        mark: Mark,
        train: Train,
        unlearn: Unlearn,
        deploy: Deploy | None,
        scores: Scores,
        membership: Membership,
    ) -> None:
        super().__init__(context, data, mark, train, unlearn, deploy, scores)
        self.membership = membership
        self.asked: ControlledAudit = membership.audit

    @cached_property
    def stage(self) -> Stage:
        """Depends on how evidence is joined; scores and ranks have stages of their own."""
        config = self.context.config("audit")
        identity = {
            "config": {key: config[key] for key in CONFIG if key in config},
            "sources": sources(config, type(self)),
        }
        ranks = (self.scores.final,) if self.asked.combine else ()
        return Stage("audit", identity, self._compute, needs=(*self.membership.stages, *ranks))

    def _compute(self, folder: Path) -> None:
        used, p = self.mark.published.used, self.asked.p
        fault = self._fault()
        found = self._evidence()
        kinds = found.of(self.asked.weight)
        final = list(kinds.values())[-1]
        claim = (final <= p) & (fault is None)
        metrics: dict[str, object] = {"p": p, "size": p, "used": int(used.sum())}
        metrics |= {"unused": int((~used).sum()), "withheld": found.withheld, "fault": fault}
        metrics |= rate_row("detection_rate", claim[used], fault)
        metrics |= rate_row("false_detection_rate", claim[~used], fault)
        metrics |= {} if fault is not None else {**rates(kinds, used, p), **self._owner(found)}
        metrics |= {f"mean_queries_{group}": float(self._queries) for group in ("used", "unused")}
        metrics |= self._facts()
        self._table(kinds, claim).write_parquet(folder / "instances.parquet")
        if fault is None:
            by_level(kinds, used, CLAIM_LEVELS).write_csv(folder / "evidence.csv")
            self._save_sets(found, folder, self.asked.weight)
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=1))
        save_samples(folder, self.mark.instances.raw.images, self.mark.published.images)

    def _fault(self) -> str | None:
        """Why the reading of versions proves nothing; None if nothing is wrong with it."""
        if not self.asked.combine:
            return None
        return self.scores.readings(self.scores.final).fault

    def _evidence(self) -> Evidence:
        population = self.mark.population
        spread, ranks = map(self._uniforms, ("withheld/spread", "spread"))
        totals = self._totals()
        return evidence(
            self.membership.scores(),
            population.published,
            spread,
            self._strata(),
            totals,
            self.scores.versions,
            ranks[population.published],
        )

    def _uniforms(self, purpose: str) -> NDArray[np.float64]:
        population = self.mark.population
        draws = map(population.ledger.draws, population.raw.ids)
        return np.array([one.uniform(purpose) for one in draws])

    def _owner(self, found: Evidence) -> dict[str, object]:
        """What is said of all published images together."""
        population = self.mark.population
        splits = np.random.default_rng(population.ledger.draws(WHOLE_SET).seed("splits"))
        case = self.membership.scores(), population.published, self._strata()
        return owner(found.versions, *case, self.asked.weight, splits)

    @property
    def _queries(self) -> int:
        """Images asked of the model for one published image, all views included."""
        whole, n = self.membership.score, self.mark.scheme.n
        count = whole.choosing + whole.views * self.asked.images_asked(n)
        if self.asked.combine:
            ranked = self.scores.score
            count += ranked.choosing + ranked.views * self.scores.versions
        return count

    def _totals(self) -> NDArray[np.int64] | None:
        if not self.asked.combine:
            return None
        return firm_totals(self.scores.readings(self.scores.final))

    def _strata(self) -> NDArray[np.int64] | None:
        raw = self.mark.population.raw
        if self.asked.strata is None:
            return None
        if self.asked.strata == "labels":
            if raw.labels is None:
                raise ValueError(f"audit.strata = 'labels': {raw.name} has no labels")
            return np.asarray(raw.labels.numpy(), np.int64)
        hard = self.membership.difficulty()
        return np.asarray(hard < np.median(hard), np.int64)

    def _reference_scores(self) -> Sequence[float | None] | NDArray[np.float64]:
        """Of each published image, what models say that did not learn from it; None without."""
        if not self.membership.references:
            return [None] * len(self.mark.instances.raw)
        return self.membership.difficulty()[self.mark.population.published]

    def _table(
        self, kinds: dict[str, NDArray[np.float64]], claim: NDArray[np.bool_]
    ) -> pl.DataFrame:
        raw, used = self.mark.instances.raw, self.mark.published.used
        totals = self._totals()
        read = 0 if totals is None else self.scores.versions - 1
        labels = [None] * len(raw) if raw.labels is None else raw.labels.numpy()
        return pl.DataFrame(
            {
                "id": raw.ids,
                "group": np.where(used, "used", "unused"),
                "label": pl.Series(labels, dtype=pl.Int64),
                "exceedances": pl.Series(
                    [None] * len(raw) if totals is None else totals, dtype=pl.Int64
                ),
                "versions_read": np.full(len(raw), read),
                "queries": np.full(len(raw), self._queries),
                "reference_score": pl.Series(self._reference_scores(), dtype=pl.Float64),
                "claim": claim,
                "p_value": list(kinds.values())[-1],
                **{f"p_value_{kind}": values for kind, values in kinds.items()},
            }
        )
