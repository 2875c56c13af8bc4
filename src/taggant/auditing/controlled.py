"""Controlled publication: published images against withheld ones, alone or beside version ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import gammaincc, log_ndtr, ndtri

from taggant.auditing.instance import InstanceAudit, rate_columns, rate_row
from taggant.score import Score
from taggant.stats import combined, control_p_values, control_sets

Floats = NDArray[np.float64]
KINDS = ("versions", "controls", "combined")
STRATA = (None, "labels", "difficulty")
LEVELS = (0.05, 0.01, 0.001, 1e-6)
"""p at which the power of sets is reported."""


@dataclass(frozen=True)
class ControlledAudit(InstanceAudit):
    """How published images are compared with withheld ones.

    Guarantee: of an unused image, P(p-value <= x) <= x for any score, if the draw of what was
    published is independent of the model and, while other published images were used, what the
    model's maker took does not depend on the images' content within a stratum. The version
    p-value needs no such assumption; see docs/guarantees.md.

    Parameters
    ----------
    combine : bool
        Join the p-value of the version ranks; needs marks. Else published against withheld alone.
    weight : float
        Of the version ranks when combined, 0..1.
    asked : int
        Versions that are asked of each image for its membership score.
    membership : Score, optional
        What the published images are compared with the withheld ones by; left out, the score of
        the versions. Under `reference=known` it becomes a likelihood ratio, under
        `reference=public` it is less what explains it.
    strata : {"labels", "difficulty"}, optional
        Compare images of one class, or of one half by difficulty under the references, only.
    sets : sequence of int
        Sizes of an owner's sets for which the power is reported.
    """

    kind: ClassVar[str] = "controlled"

    combine: bool = True
    weight: float = 0.5
    asked: int = 8
    membership: Score | None = None
    strata: str | None = None
    sets: Sequence[int] = (5, 10, 25)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.weight <= 1:
            raise ValueError(f"audit.weight = {self.weight}: accepted are numbers from 0 to 1")
        if self.asked < 1:
            raise ValueError(f"audit.asked = {self.asked}: accepted are 1, 2, 3, ...")
        if self.strata not in STRATA:
            raise ValueError(
                f"audit.strata = {self.strata!r}: accepted are null, 'labels' and 'difficulty'"
            )


@dataclass(frozen=True)
class Evidence:
    """The p-values of each published image, [P] each, and how often withheld ones beat it.

    Attributes
    ----------
    versions : float array or None
        Exact and uniform, from version ranks; None where they were not read.
    controls : float array
        From the comparison with withheld images, uniform by a draw.
    beaten : int array
        Withheld images of any stratum that are at least as much like use.
    withheld : int
        How many there are.
    """

    versions: Floats | None
    controls: Floats
    beaten: NDArray[np.int64]
    withheld: int

    def of(self, weight: float) -> dict[str, Floats]:
        """p-values by kind of evidence."""
        if self.versions is None:
            return {"controls": self.controls}
        both = combined(self.versions, self.controls, weight)
        return {"versions": self.versions, "controls": self.controls, "combined": both}


def evidence(
    scores: Floats,
    published: NDArray[np.bool_],
    keys: Floats,
    spread: Floats,
    strata: NDArray[np.int64] | None,
    totals: NDArray[np.int64] | None,
    n: int,
    draws: Floats,
) -> Evidence:
    """What scores and ranks say of each published image.

    Parameters
    ----------
    scores, published, keys, spread, strata
        See `taggant.stats.control_p_values`; of all population, [N].
    totals : int array [P], optional
        Exceedances T of the published versions.
    n : int
        Versions.
    draws : float array [P]
        U of (T + U)/n.
    """
    controls = control_p_values(scores, published, keys, spread, strata)
    order = np.argsort(np.lexsort((keys, scores)))
    theirs = np.sort(order[~published])
    beaten = len(theirs) - np.searchsorted(theirs, order[published])
    versions = None if totals is None else (totals + draws) / n
    return Evidence(versions, controls, beaten.astype(np.int64), len(theirs))


def rates(found: dict[str, Floats], used: NDArray[np.bool_], p: float) -> dict[str, object]:
    """Detection and false-detection rate of each kind of evidence at p, with intervals."""
    row: dict[str, object] = {}
    for kind, values in found.items():
        for group, mask in (("detection_rate", used), ("false_detection_rate", ~used)):
            row |= rate_row(f"{group}_{kind}", values[mask] <= p, None)
    return row


def by_level(
    found: dict[str, Floats], used: NDArray[np.bool_], levels: Sequence[float]
) -> pl.DataFrame:
    """Rates of each kind of evidence at each p, with exact intervals."""
    rows = []
    for kind, values in found.items():
        for p in levels:
            row: dict[str, object] = {"evidence": kind, "p": p}
            for group, mask in (("detection", used), ("false_detection", ~used)):
                row |= rate_columns(group, values[mask] <= p)
            rows.append(row)
    return pl.DataFrame(rows)


def by_set(
    found: Evidence, used: NDArray[np.bool_], audit: ControlledAudit, seed: int, count: int = 2000
) -> pl.DataFrame:
    """Share of random sets of used, and of unused, images that are claimed at each level.

    Sets overlap, so these are no independent trials. A set's version p-value is Fisher's; that
    of the controls is the exact rank sum among the withheld images.
    """
    rows = []
    rng = np.random.default_rng(seed)
    for size in audit.sets:
        for group, mask in (("used", used), ("unused", ~used)):
            members = np.flatnonzero(mask)
            if len(members) < size:
                continue
            drawn = rng.random((count, len(members))).argsort(1)[:, :size]
            log_p = set_evidence(found, members[drawn], audit.weight)
            rows += list(_set_rows(log_p, size, group))
    return pl.DataFrame(rows, orient="row")


def set_evidence(found: Evidence, sets: NDArray[np.int64], weight: float) -> dict[str, Floats]:
    """Log p-values of sets of images, [sets, size] -> [sets], by kind of evidence."""
    controls = control_sets(found.beaten[sets], found.withheld)
    if found.versions is None:
        return {"controls": controls}
    size = sets.shape[1]
    x = -np.log(found.versions[sets]).sum(1)
    versions = np.log(np.maximum(gammaincc(size, x), 1e-300))
    z = np.sqrt(weight) * _quantile(versions) + np.sqrt(1 - weight) * _quantile(controls)
    return {"versions": versions, "controls": controls, "combined": log_ndtr(z)}


def _quantile(log_p: Floats) -> Floats:
    return np.asarray(ndtri(np.exp(np.maximum(log_p, -690.0))))


def _set_rows(log_p: dict[str, Floats], size: int, group: str) -> Iterator[dict[str, object]]:
    for kind, values in log_p.items():
        for p in LEVELS:
            claimed = float(np.mean(values <= np.log(p)))
            yield {"size": size, "group": group, "evidence": kind, "p": p, "claimed": claimed}
