"""Sets of one owner's images: how many images it takes to claim that some of them were used."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import gammaincc, log_ndtr, ndtri

from taggant.stats import combined, control_sets, fisher, used_at_least

Floats = NDArray[np.float64]
LEVELS = (0.05, 0.01, 0.001, 1e-6)
"""p at which the power of sets is reported."""


@dataclass(frozen=True)
class Evidence:
    """The p-values of each published image, [P] each, and how often withheld ones beat it.

    Attributes
    ----------
    versions : float array or None
        Exact and uniform, from version ranks; None where they were not read.
    controls : float array or None
        From the comparison with withheld images, uniform by a draw; None where none are withheld.
    beaten : int array or None
        Withheld images of any stratum that are at least as much like use.
    withheld : int
        How many there are.
    """

    versions: Floats | None
    controls: Floats | None = None
    beaten: NDArray[np.int64] | None = None
    withheld: int = 0

    def of(self, weight: float) -> dict[str, Floats]:
        """p-values by kind of evidence."""
        found = {"versions": self.versions, "controls": self.controls}
        there = {kind: values for kind, values in found.items() if values is not None}
        if len(there) == len(found):
            there["combined"] = combined(there["versions"], there["controls"], weight)
        return there


def check_sizes(sizes: Sequence[int]) -> None:
    """Refuse sizes that no set has.

    Raises
    ------
    ValueError
        With the first of them.
    """
    for size in sizes:
        if size < 1:
            raise ValueError(f"audit.sets = {list(sizes)}: {size}, accepted are 1, 2, 3, ...")


def by_set(
    found: Evidence,
    used: NDArray[np.bool_],
    sizes: Sequence[int],
    seed: int,
    weight: float = 0.5,
    count: int = 2000,
) -> pl.DataFrame:
    """Share of random sets of used, and of unused, images that are claimed at each level.

    Sets overlap, so these are no independent trials. A set's version p-value is Fisher's; that
    of the controls is the exact rank sum among the withheld images. No rows for sizes that a
    group does not have.
    """
    rows = []
    rng = np.random.default_rng(seed)
    for size in sizes:
        for group, mask in (("used", used), ("unused", ~used)):
            members = np.flatnonzero(mask)
            if len(members) < size:
                continue
            drawn = rng.random((count, len(members))).argsort(1)[:, :size]
            rows += list(_set_rows(set_evidence(found, members[drawn], weight), size, group))
    return pl.DataFrame(rows, orient="row")


def set_evidence(found: Evidence, sets: NDArray[np.int64], weight: float) -> dict[str, Floats]:
    """Log p-values of sets of images, [sets, size] -> [sets], by kind of evidence."""
    log_p = {}
    if found.versions is not None:
        x = -np.log(found.versions[sets]).sum(1)
        log_p["versions"] = np.log(np.maximum(gammaincc(sets.shape[1], x), 1e-300))
    if found.beaten is not None:
        log_p["controls"] = control_sets(found.beaten[sets], found.withheld)
    return joined(log_p, weight)


def joined(log_p: dict[str, Floats], weight: float) -> dict[str, Floats]:
    """With Stouffer's p-value of version ranks and withheld images, where there are both."""
    if len(log_p) < 2:
        return log_p
    z = np.sqrt(weight) * _quantile(log_p["versions"])
    z = z + np.sqrt(1 - weight) * _quantile(log_p["controls"])
    return {**log_p, "combined": log_ndtr(z)}


def all_published(versions: Floats) -> dict[str, object]:
    """What the version p-values say of all published images together, as metrics.

    Guarantee: of a model that is independent of the published indices, P(p-value <= x) <= x. The
    bound on how many images were used is too large with probability 5 % at most, whatever the
    truth. Both rest on the indices of unused images being drawn independently, and on nothing else.
    """
    return {
        "owner_log10_p": fisher(np.log(versions)) / math.log(10),
        "used_at_least": used_at_least(versions),
    }


def _quantile(log_p: Floats) -> Floats:
    return np.asarray(ndtri(np.exp(np.maximum(log_p, -690.0))))


def _set_rows(log_p: dict[str, Floats], size: int, group: str) -> Iterator[dict[str, object]]:
    for kind, values in log_p.items():
        for p in LEVELS:
            claimed = float(np.mean(values <= np.log(p)))
            yield {"size": size, "group": group, "evidence": kind, "p": p, "claimed": claimed}
