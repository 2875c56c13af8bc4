"""Audit: decisions, curves and metrics, replayed from readings."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from taggant.auditing.instance import Verdicts, claims_by_p, decide, firm_totals, replay
from taggant.auditing.readings import ALL
from taggant.auditing.sets import Evidence, all_published, by_set
from taggant.auditing.unlearning import auc_row, group_rates, groups, share_exceeding
from taggant.pipeline.samples import save_samples
from taggant.pipeline.tables import save_table
from taggant.store.identity import sources
from taggant.store.store import Stage

if TYPE_CHECKING:
    from taggant.auditing.readings import Readings
    from taggant.configs import Plain
    from taggant.pipeline.context import RunContext
    from taggant.pipeline.stages.data import Data
    from taggant.pipeline.stages.deploy import Deploy
    from taggant.pipeline.stages.mark import Mark
    from taggant.pipeline.stages.score import Scores
    from taggant.pipeline.stages.train import Train
    from taggant.pipeline.stages.unlearn import Unlearn

CONFIG = ("_target_", "p", "test", "curve", "read", "sets", "versions")
CLAIM_LEVELS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)


class Audit:
    """Decides about each image from its readings."""

    def __init__(
        self,
        context: RunContext,
        data: Data,
        mark: Mark,
        train: Train,
        unlearn: Unlearn,
        deploy: Deploy | None,
        scores: Scores,
    ) -> None:
        self.context = context
        self.data = data
        self.mark = mark
        self.train = train
        self.unlearn = unlearn
        self.deploy = deploy
        self.scores = scores

    @cached_property
    def stage(self) -> Stage:
        """Depends on test, p and `read`; not on batches, blocks or live auditing."""
        config = self.context.config("audit")
        identity = {
            "config": {key: config[key] for key in CONFIG},
            "forget": self.unlearn.forget,
            "sources": sources(config, type(self)),
        }
        raw = self.scores.raw if self.unlearn.forget else ()
        return Stage("audit", identity, self._compute, needs=(*self.scores.stages, *raw))

    def rates_at(self, readings: Readings) -> dict[float, Plain]:
        """Rates of both groups at each p."""
        return {p: self._decide(readings, p).rates() for p in self.scores.boundaries}

    def _decide(self, readings: Readings, p: float) -> Verdicts:
        boundary, used = self.scores.boundaries[p], self.mark.published.used
        score = self.scores.score
        return decide(readings, boundary, p, used, score.views, score.choosing)

    def _compute(self, folder: Path) -> None:
        readings = self.scores.readings(self.scores.final)
        result = self._decide(readings, self.scores.audit.p)
        full = self.scores.audit.read == ALL and readings.fault is None
        instances = self._instances(result, readings if full else None)
        metrics = {**result.rates(), **self._facts(), "grid": readings.grid}
        metrics |= {"control_queries": readings.controls, "fault": readings.fault}
        if self.unlearn.forget:
            columns, more = self._before_and_after(readings)
            instances, metrics = instances.with_columns(**columns), {**metrics, **more}
        save_table(instances, folder / "instances.parquet")
        if full:
            levels = [p for p in CLAIM_LEVELS if int(p * readings.n) >= 1]
            save_table(claims_by_p(readings, result.used, levels), folder / "claims.csv")
            version_p = self._version_p_values(readings)
            metrics |= all_published(version_p)
            self._save_sets(Evidence(version_p), folder)
        save_table(self._curves(), folder / "curves.csv")
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=1))
        save_samples(folder, self.mark.instances.raw.images, self.mark.published.images)

    def _instances(self, result: Verdicts, full: Readings | None) -> pl.DataFrame:
        raw = self.mark.instances.raw
        labels = None if raw.labels is None else raw.labels.numpy()
        return result.table(raw.ids, labels, None if full is None else full.exceedances())

    def _version_p_values(self, readings: Readings) -> NDArray[np.float64]:
        """(T + U)/n of each published image, exactly uniform if it was not used."""
        ledger = self.mark.instances.ledger
        spread = [ledger.draws(name).uniform("spread") for name in self.mark.instances.raw.ids]
        return np.asarray((firm_totals(readings) + np.array(spread)) / readings.n)

    def _save_sets(self, found: Evidence, folder: Path, weight: float = 0.5) -> None:
        """Write the power of sets, if there are as many images as the smallest has."""
        used, sizes = self.mark.published.used, self.scores.audit.sets
        table = by_set(found, used, sizes, self.context.seed("sets"), weight)
        if table.height:
            save_table(table, folder / "sets.csv")

    def _before_and_after(
        self, readings: Readings
    ) -> tuple[dict[str, pl.Series], dict[str, object]]:
        """Columns of the instances, and metrics, that compare the model with its former self."""
        members = groups(self.mark.published.used, self.unlearn.forgotten)
        part = np.select(list(members.values()), list(members), "")
        columns = {"part": pl.Series(part)}
        metrics: dict[str, object] = {}
        trained = self.scores.readings(self.scores.trained)
        boundary = self.scores.boundaries[self.scores.audit.p]
        for suffix, bits in (("_before", trained), ("", readings)):
            one, both = replay(boundary, bits), replay(self.scores.both_sides, bits)
            metrics |= group_rates(one, members, suffix, bits.fault)
            metrics |= group_rates(both, members, f"_two_sided{suffix}", bits.fault)
            columns[f"claim{suffix}"] = pl.Series(one.claim)
            columns[f"p_value{suffix}"] = pl.Series(one.p_value)
            columns[f"side{suffix}"] = pl.Series(both.side)
            columns[f"beaten{suffix}"] = pl.Series(share_exceeding(bits))
        for suffix, stage in zip(("_before", ""), self.scores.raw, strict=True):
            scores = self.scores.raw_scores(stage)
            columns[f"score{suffix}"] = pl.Series(scores)
            forgotten, unused = (scores[members[name]] for name in ("forgotten", "unused"))
            metrics |= auc_row(f"auc{suffix}", forgotten, unused)
        return columns, {**metrics, **self.unlearn.facts}

    def _curves(self) -> pl.DataFrame:
        history = {row["epoch"]: row for row in self.train.history}
        rows = []
        for epoch, stage in self.scores.curve.items():
            for p, rates in self.rates_at(self.scores.readings(stage)).items():
                row: dict[str, object] = {"epoch": epoch, "p": p}
                for kind in ("detection", "false_detection"):
                    row[f"{kind}_rate"] = rates[f"{kind}_rate"]
                    low, high = rates[f"{kind}_rate_ci"] or (None, None)
                    row |= {f"{kind}_low": low, f"{kind}_high": high}
                for group in ("used", "unused"):
                    row[f"mean_versions_read_{group}"] = rates[f"mean_versions_read_{group}"]
                rows.append({**row, **history[epoch]})
        return pl.DataFrame(rows)

    def _facts(self) -> dict[str, object]:
        """Metrics beside the rates: utility, loss, marks, numbers of images."""
        train_images, used = len(self.train.images), self.mark.published.used
        last = self.train.history[-1]
        return {
            "utility_baseline": self.data.baseline,
            **{name: value for name, value in last.items() if name != "epoch"},
            **self.mark.quality,
            "versions": self.scores.versions,
            "train_images": train_images,
            "test_images": len(self.data.splits.test),
            "marked_fraction": float(used.sum()) / train_images,
            **(self.deploy.facts if self.deploy else {}),
        }
