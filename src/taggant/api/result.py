"""What audits found: frozen, readable, and as easy to keep as to draw."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from numpy.typing import NDArray

from taggant.auditing.instance import Verdicts
from taggant.files import write_atomically
from taggant.numbers import interval, level, percent
from taggant.report import figures
from taggant.report.folder import SCHEMA as RUN_SCHEMA
from taggant.report.folder import load as load_folder
from taggant.report.page import render
from taggant.report.sections import sections
from taggant.stats import Interval, clopper_pearson

SCHEMA = 1
"""Of saved results."""
ARRAYS = {
    "used": np.bool_,
    "claim": np.bool_,
    "taken": np.bool_,
    "versions_read": np.int64,
    "p_value": np.float64,
}
"""Columns of `Verdicts`."""


@dataclass(frozen=True)
class Setting:
    """What was asked.

    Attributes
    ----------
    model, score, access, test : str
        Names of the model, its score, what it shows, and the test of one image.
    data : str
        Name of the images.
    n : int
        Versions of each image.
    epsilon : int
        Largest change of a pixel, in grey levels.
    strategy : str
        How versions differ.
    device : str
        Where the model answered.
    commitment : str
        Of the marked images.
    simulated : bool
        Whether their secret was: then the result proves nothing.
    """

    model: str
    score: str
    access: str
    test: str
    data: str
    n: int
    epsilon: int
    strategy: str
    device: str
    commitment: str
    simulated: bool


@dataclass(frozen=True, eq=False, repr=False)
class AuditResult:
    """Which marked images a model was found to have been trained on; made by `taggant.audit`.

    Guarantee: were the model independent of the published indices given the versions, each image
    would be claimed with probability at most `p` - for any model, any score and any marks. It
    holds for each audit on its own, not for the best of several.

    Attributes
    ----------
    setting : Setting
        What was asked.
    verdicts : Verdicts
        The decision about each image.
    positions : int array [M]
        Where each image stands among those given to `taggant.mark`; all columns are in this order.
    ids : tuple of str
        Content ids of the raw images.
    labels : int array [M] or None
    ranks : int array [M] or None
        Rank of the published version, 1 to n, where every hidden version was read.
    queries : int
        Images that the model was asked about in all: versions read ahead, probe and controls too.
    """

    setting: Setting
    verdicts: Verdicts
    positions: NDArray[np.int64]
    ids: tuple[str, ...]
    labels: NDArray[np.int64] | None
    ranks: NDArray[np.int64] | None
    queries: int

    @property
    def p(self) -> float:
        """Bound on the false-detection rate of each audit."""
        return self.verdicts.p

    @property
    def claims(self) -> NDArray[np.bool_]:
        """Which images are claimed, [M]."""
        return self.verdicts.claim

    @property
    def p_values(self) -> NDArray[np.float64]:
        """Exact p-value of each image's stopped audit, [M]."""
        return self.verdicts.p_value

    @property
    def used(self) -> NDArray[np.bool_]:
        """Which images were among the training images, [M]."""
        return self.verdicts.used

    @property
    def fault(self) -> str | None:
        """Why the audit is void; then nothing is claimed and there are no rates."""
        return self.verdicts.fault

    @property
    def detection_rate(self) -> float | None:
        """Share of used images claimed; None of a void audit."""
        return _share_of(self._claims_of(self.used))

    @property
    def detection_interval(self) -> Interval | None:
        """Its exact 95 % interval (Clopper-Pearson)."""
        return _interval_of(self._claims_of(self.used))

    @property
    def false_detection_rate(self) -> float | None:
        """Share of unused images claimed; None of a void audit, or if there are none."""
        return _share_of(self._claims_of(~self.used))

    @property
    def false_detection_interval(self) -> Interval | None:
        """Its exact 95 % interval (Clopper-Pearson); of this one model."""
        return _interval_of(self._claims_of(~self.used))

    def _claims_of(self, group: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Claims of a group; None where there is no rate of them."""
        found = self.claims[group]
        return found if len(found) and self.fault is None else None

    @property
    def table(self) -> pl.DataFrame:
        """One row an image.

        Its position among the images that were given, id, group, label, rank (where all versions
        were read), versions_read, queries, claim and p_value.
        """
        exceedances = None if self.ranks is None else self.ranks - 1
        table = self.verdicts.table(self.ids, self.labels, exceedances)
        rank = (pl.col("exceedances") + 1).alias("rank")
        ranked = table.insert_column(3, table.select(rank).to_series()).drop("exceedances")
        return ranked.insert_column(0, pl.Series("image", self.positions))

    def plot(self) -> Figure:
        """p-values of used and unused images: the share of each group at or below each value."""
        return figures.p_values(self.table, self.p)

    def report(self, path: str | Path) -> Path:
        """Write a page about this audit that refers to nothing outside itself.

        Parameters
        ----------
        path : path
            ``audit.html``, say.
        """
        exceedances = None if self.ranks is None else self.ranks - 1
        result = {"schema": RUN_SCHEMA, "stages": {}, "metrics": self.verdicts.rates()}
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "result.json").write_text(json.dumps(result))
            (folder / "context.json").write_text(json.dumps(self._context()))
            table = self.verdicts.table(self.ids, self.labels, exceedances)
            table.write_parquet(folder / "instances.parquet")
            run = load_folder(folder)
            text = render(run, sections(run))
        write_atomically(Path(path), text.encode())
        return Path(path)

    def _context(self) -> dict[str, object]:
        """The setting, as a report of a run has it."""
        asked = self.setting
        return {
            "experiment": asked.model,
            "data": asked.data,
            "scheme": f"{asked.strategy}, epsilon {asked.epsilon}",
            "n": asked.n,
            "secret": "simulated" if asked.simulated else "file",
            "commitment": asked.commitment,
            "access": asked.access,
            "score": asked.score,
            "views": self.verdicts.views,
            "audit": asked.test,
            "p": self.p,
            "device": asked.device,
        }

    def save(self, path: str | Path) -> Path:
        """Write a JSON file, from which `load` makes the same result; keep it to yourself."""
        arrays = {name: getattr(self.verdicts, name).tolist() for name in ARRAYS}
        scalars = {
            field.name: getattr(self.verdicts, field.name)
            for field in fields(Verdicts)
            if field.name not in ARRAYS
        }
        record = {
            "schema": SCHEMA,
            "setting": vars(self.setting),
            "verdicts": {**scalars, **arrays},
            "positions": self.positions.tolist(),
            "ids": self.ids,
            "labels": None if self.labels is None else self.labels.tolist(),
            "ranks": None if self.ranks is None else self.ranks.tolist(),
            "queries": self.queries,
        }
        write_atomically(Path(path), json.dumps(record).encode())
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> AuditResult:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If it is no result, or one of another version of taggant.
        """
        try:
            record = json.loads(Path(path).read_bytes())
            if record["schema"] == SCHEMA:
                return _from(record)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: no result of taggant.audit, or damaged ({error})") from error
        raise ValueError(f"{path}: schema {record['schema']!r}, accepted is {SCHEMA}")

    def __repr__(self) -> str:
        return "\n".join(
            [f"AuditResult at p = {level(self.p)}", *map("  {}".format, self._lines())]
        )

    def _lines(self) -> list[str]:
        rates = self.verdicts.rates()
        if self.fault is not None:
            lines = [f"void, nothing is claimed: {self.fault}"]
        else:
            lines = [
                f"{name}: {_share(rates, rate, group)}"
                for name, rate, group in (
                    ("detection rate", "detection_rate", "used"),
                    ("false-detection rate", "false_detection_rate", "unused"),
                )
            ]
        read = [
            f"{rates[f'mean_versions_read_{group}']:.1f} of each {group} image"
            for group in ("used", "unused")
            if rates[group]
        ]
        lines.append(f"hidden versions read: {', '.join(read)}, of {self.setting.n - 1:,}")
        lines.append(f"images asked about in all: {self.queries:,}")
        asked = self.setting
        lines.append(
            f"{asked.model} on {asked.data}; score {asked.score}, access {asked.access}, test "
            f"{asked.test}"
        )
        if asked.simulated:
            lines.append("the secret was simulated: an experiment, not evidence")
        return lines

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in self._lines())
        return f"<div><b>Audit at p = {level(self.p)}</b><ul>{lines}</ul></div>"


def _share_of(claims: NDArray[np.bool_] | None) -> float | None:
    return None if claims is None else float(claims.mean())


def _interval_of(claims: NDArray[np.bool_] | None) -> Interval | None:
    return None if claims is None else clopper_pearson(int(claims.sum()), len(claims))


def _share(rates: Mapping[str, Any], rate: str, group: str) -> str:
    if not rates[group]:
        return f"no {group} images"
    bounds = interval(rates[f"{rate}_ci"], ", ")
    claimed = round(rates[rate] * rates[group])
    return f"{percent(rates[rate])} [{bounds}], {claimed:,} of {rates[group]:,} {group} images"


def _from(record: Mapping[str, Any]) -> AuditResult:
    verdicts = dict(record["verdicts"])
    for name, kind in ARRAYS.items():
        verdicts[name] = np.array(verdicts[name], kind)
    labels, ranks = (
        None if record[name] is None else np.array(record[name], np.int64)
        for name in ("labels", "ranks")
    )
    return AuditResult(
        setting=Setting(**record["setting"]),
        verdicts=Verdicts(**verdicts),
        positions=np.array(record["positions"], np.int64),
        ids=tuple(record["ids"]),
        labels=labels,
        ranks=ranks,
        queries=int(record["queries"]),
    )


@dataclass(frozen=True)
class SetResult:
    """Whether a model was trained on a set of images; made by `taggant.audit_set`.

    Guarantee: were the model independent of the published indices given all versions, the p-value
    would be at most x with probability at most x, for every x, exactly.

    Attributes
    ----------
    p_value : float
        0 where it is below the smallest number there is; see `log10_p`.
    log10_p : float
    images : int
        Of the set.
    versions : int
        Hidden versions read of each.
    queries : int
        Images that the model was asked about in all.
    fault : str or None
        Why the audit is void; then the p-value is 1.
    """

    p_value: float
    log10_p: float
    images: int
    versions: int
    queries: int
    fault: str | None = None

    def __float__(self) -> float:
        return self.p_value

    def __repr__(self) -> str:
        void = "" if self.fault is None else f"; void: {self.fault}"
        return (
            f"SetResult(p = {10 ** max(self.log10_p, -300):.3g}, log10 p = {self.log10_p:.1f}; "
            f"{self.images:,} images, {self.versions:,} hidden versions of each, "
            f"{self.queries:,} asked about{void})"
        )
