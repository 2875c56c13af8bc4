"""A whole set by its rank: does a model know the published marks better than the hidden ones?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from taggant.auditing.whole_set.case import Evidence, SetCase
from taggant.marking.scheme import Probing, Scheme
from taggant.stats import rank_of_set

TOGETHER = 16
"""Versions whose probes are asked about together: few of them leave a batch half empty."""

if TYPE_CHECKING:
    from taggant.victim.victim import Victim


@dataclass(frozen=True)
class SetRankAudit:
    """Was a model trained on the published version of a set, whose n versions share an index?

    The model's mean score on the published version is ranked among the hidden ones': on the marked
    images themselves or, where a scheme has them, on its `Probing.probes`.

    Guarantee: a model that is independent of the published index is claimed with probability at
    most p, for any model, score and marks. No p-value is below 1/n.

    Parameters
    ----------
    p : float
        Bound on the false-detection rate, 0 < p < 1.
    images : int
        Images asked about, of each version.
    batch_size : int
        Images per forward.
    live : bool
        Whether log10 p is followed during training, by a callback.

    Raises
    ------
    ValueError
        For p outside 0..1, or no image to ask about.
    """

    kind: ClassVar[str] = "whole_set"
    together: ClassVar[bool] = True

    p: float = 0.05
    images: int = 100
    batch_size: int = 256
    live: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.p < 1:
            raise ValueError(f"audit.p = {self.p}: accepted are numbers between 0 and 1")
        if self.images < 1:
            raise ValueError(f"audit.images = {self.images}: accepted are 1, 2, 3, ...")

    def check(self, scheme: Scheme, kind: type[Victim]) -> None:
        """Refuse what leaves nothing to rank.

        Raises
        ------
        ValueError
            For p below 1/n, which no rank reaches, or a victim that is no classifier.
        """
        if self.p * scheme.n < 1:
            raise ValueError(
                f"audit.p = {self.p}: the rank among marking.n = {scheme.n} versions is never "
                f"below {1 / scheme.n:g}, accepted are p from there on"
            )
        if kind.answers != "logits":
            raise ValueError(
                f"audit=set_rank asks a classifier, and {kind.__name__} answers with {kind.answers}"
            )

    def check_images(self, images: int) -> None:
        """Any number of marked images will do: see `WholeSetAudit.check_images`."""

    def watch(self, case: SetCase) -> dict[str, float]:
        """log10 p, for curves over training."""
        return {"log10_p": self._evidence(case)["log10_p"]}

    def __call__(self, case: SetCase) -> Evidence:
        """The test."""
        return Evidence(self._evidence(case))

    def _evidence(self, case: SetCase) -> dict[str, float]:
        if isinstance(case.scheme, Probing):
            scores = self._probed(case, case.scheme)
        else:
            scores = case.scores(self.images).T
        ranked = rank_of_set(scores, case.index, case.draws.seed("ties"))
        return {
            "p": self.p,
            "log10_p": math.log10(ranked.p_value),
            "claim": ranked.p_value <= self.p,
            "queries": scores.size,
        }

    def _probed(self, case: SetCase, scheme: Probing) -> NDArray[np.float64]:
        """Scores of the probes of each version [n, M]."""
        few, secret = case.held_out, case.draws.secret
        assert few.labels is not None
        images, labels = few.images[: self.images], few.labels[: self.images]
        scores = []
        for indices in np.array_split(np.arange(scheme.n), -(-scheme.n // TOGETHER)):
            asked = [scheme.probes(secret, int(i), images, labels) for i in indices]
            probes, claimed = (torch.cat(parts) for parts in zip(*asked, strict=True))
            scores.append(case.score(probes, claimed).reshape(len(indices), -1))
        return np.concatenate(scores).astype(float)
