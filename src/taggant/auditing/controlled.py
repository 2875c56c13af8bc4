"""Controlled publication: published images against withheld ones, alone or beside version ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from taggant.auditing.attacks import Attack
from taggant.auditing.instance import InstanceAudit, rate_columns, rate_row
from taggant.auditing.membership import RAW
from taggant.auditing.sets import Evidence, all_published, joined
from taggant.score import Score
from taggant.stats import (
    control_p_values,
    control_set,
    fisher,
    permutation_p,
)
from taggant.stats.controlled_sets import countable

Floats = NDArray[np.float64]
DRAWS = 99_999
"""Splits drawn where there are too many to count."""
STRATA = (None, "labels", "difficulty")


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
    asked : int or "raw"
        Versions that are asked of each image for its membership score; or the raw image itself,
        which is nearer to every version than another version is.
    membership : Score, optional
        What the published images are compared with the withheld ones by; left out, the score of
        the versions.
    attack : Attack, optional
        What becomes of it by reference models (`taggant.auditing.attacks`). Left out, a likelihood
        ratio under `reference=known`, and under `reference=public` what they do not explain.
    strata : {"labels", "difficulty"}, optional
        Compare images of one class, or of one half by difficulty under the references, only.
    """

    kind: ClassVar[str] = "controlled"

    combine: bool = True
    weight: float = 0.5
    asked: int | str = RAW
    membership: Score | None = None
    attack: Attack | None = None
    strata: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.weight <= 1:
            raise ValueError(f"audit.weight = {self.weight}: accepted are numbers from 0 to 1")
        if self.asked != RAW and not (isinstance(self.asked, int) and self.asked >= 1):
            raise ValueError(f"audit.asked = {self.asked!r}: accepted are {RAW!r} and 1, 2, 3, ...")
        if self.strata not in STRATA:
            raise ValueError(
                f"audit.strata = {self.strata!r}: accepted are null, 'labels' and 'difficulty'"
            )

    def images_asked(self, n: int) -> int:
        """Images asked of each marked one for its membership score, of n versions."""
        return 1 if self.asked == RAW else min(int(self.asked), n)


def evidence(
    scores: Floats,
    published: NDArray[np.bool_],
    spread: Floats,
    strata: NDArray[np.int64] | None,
    totals: NDArray[np.int64] | None,
    n: int,
    draws: Floats,
) -> Evidence:
    """What scores and ranks say of each published image.

    Parameters
    ----------
    scores, published, spread, strata
        See `taggant.stats.control_p_values`; of all population, [N]. Equal scores count against a
        claim (`ties_to_withheld`).
    totals : int array [P], optional
        Exceedances T of the published versions, doubtful ones among them.
    n : int
        Versions.
    draws : float array [P]
        U of (T + U)/n.
    """
    keys = ties_to_withheld(published)
    controls = control_p_values(scores, published, keys, spread, strata)
    order = np.argsort(np.lexsort((keys, scores)))
    theirs = np.sort(order[~published])
    beaten = len(theirs) - np.searchsorted(theirs, order[published])
    versions = None if totals is None else (totals + draws) / n
    return Evidence(versions, controls, beaten.astype(np.int64), len(theirs))


def ties_to_withheld(published: NDArray[np.bool_]) -> Floats:
    """Keys by which a withheld image beats a published one of equal score, [N].

    With keys drawn at random, a model of one answer for all images would be claimed in a share p:
    a claim that rests on keys is none. These can only raise p-values.
    """
    return (~published).astype(np.float64)


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


def owner(
    versions: Floats | None,
    scores: Floats,
    published: NDArray[np.bool_],
    strata: NDArray[np.int64] | None,
    weight: float,
    splits: np.random.Generator,
) -> dict[str, object]:
    """What is said of all published images together, as metrics: a p-value by kind of evidence.

    Guarantee: P(p-value <= x) <= x if none was used. None needs an assumption on content: under
    the null of a set nobody's choice has touched the images.

    Parameters
    ----------
    versions : float array [P], optional
        Exact p-values of version ranks.
    scores, published, strata
        As in `evidence`.
    weight : float
        Of the version ranks.
    splits : numpy Generator
        Draws splits where there are too many to count.
    """
    together = {} if versions is None else all_published(versions)
    log_p = {} if versions is None else {"versions": np.array(fisher(np.log(versions)))}
    log_p["controls"] = np.array(published_set(scores, published, strata, splits))
    kinds = {kind: float(x) / math.log(10) for kind, x in joined(log_p, weight).items()}
    together |= {f"owner_log10_p_{kind}": value for kind, value in kinds.items()}
    return {**together, "owner_log10_p": list(kinds.values())[-1]}


def published_set(
    scores: Floats,
    published: NDArray[np.bool_],
    strata: NDArray[np.int64] | None,
    splits: np.random.Generator,
    draws: int | None = None,
) -> float:
    """Log p-value of the published set: by counting all splits, or by drawing some of too many."""
    if countable(len(published), int(published.sum())):
        return control_set(scores, published, ties_to_withheld(published), strata)
    return math.log(permutation_p(scores, published, splits, draws or DRAWS, strata))
