"""Instance audits: was this image's published version used?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from taggant.auditing.choice_of_test import Test, check_takes
from taggant.auditing.comparison import firm
from taggant.auditing.readings import ALL, READ, Readings
from taggant.auditing.sets import check_sizes
from taggant.score.oracle import check_mode, check_precision
from taggant.stats import Boundary, Decisions, clopper_pearson, rank, two_sided


@dataclass(frozen=True)
class Verdicts:
    """Decisions of one test on many instances, with the inputs that gave them.

    Guarantee: were the model independent of the published indices given the versions, each
    instance would be claimed with probability at most `size` <= `p` - for any model, any score
    and any marks. The interval of the false-detection rate speaks of this one model.

    Attributes
    ----------
    p : float
        Bound on the false-detection rate of each audit.
    size : float
        Exact false-detection rate of the test.
    views : int
        K, queries per version.
    used : bool array [I]
        Which instances entered training.
    claim : bool array [I]
        "Used" was claimed, and no doubtful comparison decided it (`taggant.auditing.comparison`).
    taken : bool array [I]
        It would have been claimed otherwise: by tie keys, or by an answer that moved. No claim.
    versions_read : int array [I]
        Hidden versions a one-by-one audit would have read.
    p_value : float array [I]
        Exact p-value of the stopped audit.
    fault : str or None
        Why the audit is void; then nothing is claimed and there are no rates. A fault only takes
        claims away, so the guarantee holds with it.
    choosing : int
        Queries per instance for the choice of its views.
    """

    p: float
    size: float
    views: int
    used: NDArray[np.bool_]
    claim: NDArray[np.bool_]
    taken: NDArray[np.bool_]
    versions_read: NDArray[np.int64]
    p_value: NDArray[np.float64]
    fault: str | None = None
    choosing: int = 0

    @property
    def queries(self) -> NDArray[np.int64]:
        """Images asked per instance, K (1 + versions read), and what the views' choice cost."""
        return self.choosing + self.views * (1 + self.versions_read)

    def rates(self) -> dict[str, object]:
        """Rates of both groups with exact 95 % intervals, and mean costs."""
        row: dict[str, object] = {"p": self.p, "size": self.size}
        for rate, group, mask in (
            ("detection_rate", "used", self.used),
            ("false_detection_rate", "unused", ~self.used),
        ):
            row |= rate_row(rate, self.claim[mask], self.fault)
            row[group] = int(mask.sum())
            row[f"claims_taken_{group}"] = int(self.taken[mask].sum())
            row[f"mean_versions_read_{group}"] = _mean(self.versions_read[mask])
            row[f"mean_queries_{group}"] = _mean(self.queries[mask])
        return row

    def at(self, rows: NDArray[np.int64]) -> Verdicts:
        """The same about some instances, or in another order."""
        columns = ("used", "claim", "taken", "versions_read", "p_value")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})

    def table(
        self,
        ids: Sequence[str],
        labels: NDArray[np.int64] | None,
        ranks: NDArray[np.int64] | None,
    ) -> pl.DataFrame:
        """One row an instance.

        Parameters
        ----------
        ids : sequence of str
            Content ids, [I].
        labels : int array [I] or None
            Class numbers, where there are any.
        ranks : int array [I] or None
            Exceedances, where every hidden version was read.
        """
        nothing = [None] * len(ids)
        return pl.DataFrame(
            {
                "id": ids,
                "group": np.where(self.used, "used", "unused"),
                "label": pl.Series(nothing if labels is None else labels, dtype=pl.Int64),
                "exceedances": pl.Series(nothing if ranks is None else ranks, dtype=pl.Int64),
                "versions_read": self.versions_read,
                "queries": self.queries,
                "claim": self.claim,
                "p_value": self.p_value,
            }
        )


@dataclass(frozen=True)
class InstanceAudit:
    """How instances are audited: one sequential test, at one p for decisions, several for curves.

    Parameters
    ----------
    p : float
        Bound on the false-detection rate of each audit, 0 < p < 1.
    test : callable
        (n=, p=) -> Boundary, e.g. `taggant.stats.optimal`.
    curve : sequence of float, optional
        The p at which detection curves over epochs are drawn; `p` itself is always among them.
        None: of the victim's snapshots, only the last is audited.
    batch_size : int
        Images per forward. A batch of another size may round a score differently, by some 1e-5
        of their spread; all versions of an audit meet the same size.
    block : int
        Hidden versions of an instance read ahead; decisions do not depend on it.
    precision : {"float32", "bfloat16"}
        What the model computes in while it answers, the same for all versions. bfloat16 is about
        twice as fast where the device has it, and coarser: more versions tie.
    compile : str, optional
        How the model is compiled while it answers: "frozen", with its weights folded in, or a mode
        of ``torch.compile``: "default", or "reduce-overhead" and "max-autotune", which replay CUDA
        graphs on a GPU.
    read : {"all", "until_decided"}
        Hidden versions that the final model's audit reads: all of them (then ranks are known and
        any test can be replayed), or as many as its tests need.
    live : bool
        Whether the detection curve is audited during training, by a callback.
    sets : sequence of int
        Sizes of an owner's sets for which the power is reported; needs a full reading.
    versions : int, optional
        Versions that the audit goes by, the published one included: fewer than were marked, or
        all of them.
    shard : str, optional
        ``i/k`` reads only every k-th instance, from the i-th on (from 1).

    Raises
    ------
    ValueError
        For p or a curve's p outside 0..1, an unknown `read`, precision or `compile`, an empty set,
        fewer than two versions, a test of something else than versions of one image, or no such
        shard.
    """

    kind: ClassVar[str] = "instance"
    """Says which stages a run has: "instance", "controlled" or "whole_set"."""

    p: float
    test: Test
    curve: Sequence[float] | None = ()
    batch_size: int = 256
    block: int = 16
    precision: str = "float32"
    compile: str | None = None
    read: str = ALL
    live: bool = True
    versions: int | None = None
    shard: str | None = None
    sets: Sequence[int] = (5, 10, 25)

    def __post_init__(self) -> None:
        for value in self.levels:
            if not 0 < value < 1:
                raise ValueError(f"audit.p = {value}: accepted are numbers between 0 and 1")
        if self.read not in READ:
            accepted = " and ".join(map(repr, READ))
            raise ValueError(f"audit.read = {self.read!r}: accepted are {accepted}")
        check_precision(self.precision)
        check_mode(self.compile)
        check_takes(self.test, "n")
        check_sizes(self.sets)
        if self.versions is not None and self.versions < 2:
            raise ValueError(f"audit.versions = {self.versions}: accepted are 2, 3, ... and null")
        assert self.part

    @cached_property
    def part(self) -> tuple[int, int]:
        """The shard as (i, k) from 0; (0, 1) without."""
        if self.shard is None:
            return 0, 1
        i, _, k = str(self.shard).partition("/")
        if not (i.isdecimal() and k.isdecimal() and 1 <= int(i) <= int(k)):
            raise ValueError(f"audit.shard = {self.shard!r}: accepted are 1/4, 2/4, 3/4, 4/4, ...")
        return int(i) - 1, int(k)

    @cached_property
    def levels(self) -> tuple[float, ...]:
        """Every p in use, ascending."""
        return tuple(sorted({self.p, *(self.curve or ())}))

    def boundaries(self, n: int) -> dict[float, Boundary]:
        """The test at each p.

        Raises
        ------
        ValueError
            Where no such test exists (n < 1/p, say).
        """
        return {p: self.test(n=n, p=p) for p in self.levels}

    def both_sides(self, n: int) -> Boundary:
        """The test of either end at `p`: "used", or "over-forgotten" by unlearning.

        Raises
        ------
        ValueError
            Where no such test exists.
        """
        return two_sided(self.test, n, self.p)


def _mean(values: NDArray[np.int64]) -> float | None:
    return float(values.mean()) if len(values) else None


def rate_row(name: str, claims: NDArray[np.bool_], fault: str | None) -> dict[str, object]:
    """Share of instances claimed, with its exact 95 % interval; None if the audit has a fault.

    None as well where there are no instances.
    """
    if fault is not None or not len(claims):
        return {name: None, f"{name}_ci": None}
    rate, low, high = rate_columns(name, claims).values()
    return {name: rate, f"{name}_ci": [low, high]}


def rate_columns(name: str, claims: NDArray[np.bool_]) -> dict[str, float]:
    """Share of instances claimed and the ends of its exact 95 % interval, as columns of a table."""
    interval = clopper_pearson(int(claims.sum()), len(claims))
    rate = float(claims.sum() / len(claims))
    low, high = float(interval.low), float(interval.high)
    return {f"{name}_rate": rate, f"{name}_low": low, f"{name}_high": high}


def replay(boundary: Boundary, readings: Readings) -> Decisions:
    """Decisions of a test on recorded readings that no doubtful comparison decides.

    A reading with a fault gives no claims, and p = 1.
    """
    return _asis_and_firm(boundary, readings)[1]


def _asis_and_firm(boundary: Boundary, readings: Readings) -> tuple[Decisions, Decisions]:
    if readings.fault is None:
        return firm(boundary, readings.bits, readings.doubtful, readings.reads)
    nothing = np.zeros(len(readings.reads), np.int64)
    void = Decisions(
        nothing.astype(bool),
        nothing,
        readings.reads,
        readings.bits.sum(1),
        np.ones(len(nothing)),
    )
    return void, void


def decide(
    readings: Readings,
    boundary: Boundary,
    p: float,
    used: NDArray[np.bool_],
    views: int,
    choosing: int = 0,
) -> Verdicts:
    """Replay one test on recorded readings."""
    asis, decisions = _asis_and_firm(boundary, readings)
    return Verdicts(
        p=p,
        size=float(boundary.size()),
        views=views,
        used=used,
        claim=decisions.claim,
        taken=asis.claim & ~decisions.claim,
        versions_read=decisions.read,
        p_value=decisions.p_value,
        fault=readings.fault,
        choosing=choosing,
    )


def firm_totals(readings: Readings) -> NDArray[np.int64]:
    """T of each instance [I], doubtful comparisons counted against a claim; of a full reading."""
    return np.asarray(readings.exceedances() + (readings.doubtful & ~readings.bits).sum(1))


def claims_by_p(readings: Readings, used: NDArray[np.bool_], grid: Sequence[float]) -> pl.DataFrame:
    """Rates of the full rank test at each p of a grid; needs a full reading."""
    exceedances = firm_totals(readings)
    rows = []
    for p in grid:
        claim = exceedances <= rank(readings.n, p).claim[-1]
        row: dict[str, float] = {"p": p}
        for rate, mask in (("detection", used), ("false_detection", ~used)):
            row |= rate_columns(rate, claim[mask])
        rows.append(row)
    return pl.DataFrame(rows)
