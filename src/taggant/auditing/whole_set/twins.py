"""A whole set of twins, pair by pair, until a sequential test has seen enough."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from taggant.auditing.choice_of_test import Test, check_takes
from taggant.auditing.whole_set.case import SetCase
from taggant.auditing.whole_set.set_rank import SetRankAudit
from taggant.marking.scheme import Scheme
from taggant.stats import Boundary, exceedances, twins_betting

if TYPE_CHECKING:
    from taggant.victim.victim import Victim


@dataclass(frozen=True)
class TwinsAudit(SetRankAudit):
    """Was a model trained on a set of images, each one of its two versions?

    Pairs are read one by one, in an order that follows from the owner's secret, and the published
    twin wins where the model scores it higher. The test stops as soon as it can claim: 11 pairs
    may do where the sum of ranks reads them all.

    Guarantee: a model that is independent of the owner's secret is claimed with probability at
    most p, for any model, score and marks, however many pairs are read. The p-value is that of the
    stopped test, so it is not far below p after an early claim.

    Parameters
    ----------
    p, images, batch_size, live
        See `SetRankAudit`; `images` is the most pairs that are read.
    test : callable
        (pairs=, p=) -> Boundary, `taggant.stats.twins_betting` or `twins_pprm`.

    Raises
    ------
    ValueError
        As `SetRankAudit`; for a test of one image; for so few pairs that no number of wins among
        them is significant.
    """

    together: ClassVar[bool] = False

    test: Test = field(default=twins_betting)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_takes(self.test, "pairs")
        self.boundary(self.images)

    def boundary(self, pairs: int) -> Boundary:
        """The test of so many pairs.

        Raises
        ------
        ValueError
            If there is none.
        """
        try:
            return self.test(pairs=pairs, p=self.p)
        except ValueError as error:
            keys = f"audit.images = {self.images}, audit.p = {self.p}"
            raise ValueError(f"{keys}, {pairs} images to ask about: {error}") from None

    def check(self, scheme: Scheme, kind: type[Victim]) -> None:
        """Refuse marks that are no twins, and victims that are no classifiers.

        Raises
        ------
        ValueError
            With the number of versions, or the kind of answers.
        """
        if scheme.n != 2:
            raise ValueError(
                f"marking.n = {scheme.n}: audit=twins reads pairs, accepted is 2 (marking=twins, "
                "or marking=n_version marking.n=2)"
            )
        if kind.answers != "logits":
            raise ValueError(
                f"audit=twins asks a classifier, and {kind.__name__} answers with {kind.answers}"
            )

    def check_images(self, images: int) -> None:
        """Refuse a set so small that it could never be claimed.

        Raises
        ------
        ValueError
            With the number of pairs that there are.
        """
        self.boundary(min(images, self.images))

    def _evidence(self, case: SetCase) -> dict[str, float]:
        order = np.random.default_rng(case.draws.seed("pairs")).permutation(case.asked(self.images))
        boundary = self.boundary(len(order))
        versions, read, lost, stopped = case.versions(self.images), 0, 0, -1
        while stopped < 0:
            pairs = order[read : read + max(1, self.batch_size // 2)]
            beaten = self._beaten(case, versions, pairs)
            stops, losses = boundary.stopped_at(beaten[None], read, lost)
            stopped, lost = int(stops[0]), int(losses[0])
            read += len(pairs)
        p_value = float(boundary.p_value(stopped, lost))
        return {
            "p": self.p,
            "size": boundary.size(),
            "log10_p": math.log10(p_value),
            "claim": bool(lost <= boundary.claim[stopped]),
            "pairs": len(order),
            "pairs_read": stopped,
            "queries": 2 * stopped,
        }

    def _beaten(
        self, case: SetCase, versions: Tensor, pairs: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether the hidden twin of each pair beats the published one."""
        scores = case.scores_of(versions, pairs)
        own, rows = case.indices[pairs], np.arange(len(pairs))
        keys = np.stack([case.ledger.draws(case.raw.ids[i]).tie_keys() for i in pairs])
        above = exceedances(scores[rows, own], scores, keys[rows, own], keys)
        return np.asarray(above.any(1))
