"""Asking a model about versions: batches of one shape, a probe first, controls in between."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.auditing.controls import CONTROLS, PERIOD, Controls
from taggant.auditing.published import AuditError
from taggant.marking.device import MarkingDevice
from taggant.marking.draws import VIEWS, seed_of_all
from taggant.marking.instances import Instances
from taggant.score import AnyOracle, Score

Indices = NDArray[np.int64]
Pairs = tuple[Indices, Indices]
"""Instances and their versions."""


class Questions:
    """Scores of (instance, version) pairs of one audit.

    Parameters
    ----------
    oracle, score, instances, targets, shard
        As `read` has them.
    device : MarkingDevice
        On which the published versions came out again.

    Attributes
    ----------
    controls : Controls
        Begun with the probe, which asks what a version's slot, batch-mates and moment do to its
        score.
    asked_again : int
        Images asked once more so far: controls and published versions.
    chosen : uint64 array [I] or None
        Fingerprints of the views of the shard's instances, where they were chosen by asking.
    """

    def __init__(
        self,
        oracle: AnyOracle,
        score: Score,
        instances: Instances,
        targets: Tensor,
        device: MarkingDevice,
        shard: tuple[int, int],
    ) -> None:
        self.oracle, self.score, self.instances = oracle, score, instances
        self.targets, self.device, self.raw = targets, device, instances.raw
        draws = instances.draws
        # Whoever knew rows and times of the controls beforehand could answer the rest otherwise.
        self._shuffle = np.random.default_rng(seed_of_all(draws, "rows"))
        self._step = max(1, oracle.batch_size // score.views)
        before = oracle.queries
        self.chosen = self._choose_views(range(shard[0], len(self.raw), shard[1]))
        paid = oracle.queries - before
        period, seed = PERIOD * oracle.batch_size, seed_of_all(draws, "controls")
        few = self._probed(min(self._step, len(self.raw)))
        self.controls = Controls(self._probe(few), period, seed)
        if len(self.controls) < CONTROLS and self.controls.grid > 0:
            # So few tell little of noise; of a steady model they tell all.
            more = self._probe(self._probed(CONTROLS))
            self.controls = Controls(more, period, seed, len(self.raw) >= CONTROLS)
        self._before = oracle.queries - paid
        self.asked_again = 0

    @property
    def queries(self) -> int:
        """Images asked for scores, and for the choice of views; probe and controls left out."""
        return self.oracle.queries - self._before - self.asked_again

    def _choose_views(self, mine: Sequence[int]) -> NDArray[np.uint64] | None:
        """Views of this shard's instances and the probe's, paid for where the model is asked."""
        rows = sorted({*mine, *self._probed(max(self._step, CONTROLS))[0].tolist()})
        seeds = [self.instances.draws[i].seed(VIEWS) for i in rows]
        views = self.score.views_of(self.oracle, self.raw.images[rows], self.targets[rows], seeds)
        self.views = views.new_zeros(len(self.raw), *views.shape[1:])
        self.views[rows] = views
        if not self.score.choosing:
            return None
        return np.array([fingerprint(self.views[i]) for i in mine], np.uint64)

    def ask(self, hidden: Pairs, first: Pairs, again: Pairs) -> list[NDArray[np.float32]]:
        """Scores of hidden versions, and of published ones for the first time and once more.

        Controls are among them when their time has come.
        """
        controls = self._again(self.controls.due(self.queries))
        self.asked_again += len(again[0]) * self.score.views
        rows, versions = np.concatenate([hidden, first, again, controls], axis=1)
        leads = np.arange(len(hidden[0]), len(hidden[0]) + len(first[0]))
        scores = self._scores(rows, versions, leads)
        ends = np.cumsum([len(part[0]) for part in (hidden, first, again)])
        *parts, repeated = np.split(scores, ends)
        self.controls.check(repeated)
        return parts

    def ask_last(self) -> None:
        """Ask the controls once more."""
        self.controls.check(self._scores(*self._again(len(self.controls))))

    def _scores(
        self, rows: Indices, versions: Indices, leads: Sequence[int] | Indices = ()
    ) -> NDArray[np.float32]:
        """Scores of (instance, version) rows; rows are shuffled so that no slot is special.

        Of an instance, the row among `leads` comes first: whatever is compared with the published
        version's answer is asked after it.
        """
        position = self._shuffle.permutation(len(rows))
        for lead in leads:
            same = np.flatnonzero(rows == rows[lead])
            earliest = same[position[same].argmin()]
            position[lead], position[earliest] = position[earliest], position[lead]
        order = np.argsort(position)
        scores = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), self._step):
            part = order[start : start + self._step]
            scores[part] = self._batch(rows[part], versions[part])
        return scores

    def _again(self, count: int) -> Indices:
        """(instance, version) of the first `count` controls, [2, count], thereby counted."""
        self.asked_again += count * self.score.views
        return self._probed(count)

    def _probed(self, count: int) -> Indices:
        """(instance, version) of the probe's first pairs, [2, count]: version 0 of each first."""
        every = len(self.raw)
        k: Indices = np.arange(min(count, every * self.instances.scheme.n))
        return np.stack([k % every, k // every])

    def _probe(self, pairs: Indices) -> NDArray[np.float64]:
        """Scores of some pairs in one batch, in the same reversed, and in half of it, [B, 3]."""
        half = pairs.shape[1] // 2 + 1
        answers = np.full((pairs.shape[1], 3), np.nan)
        answers[:, 0] = self._batch(*pairs)
        answers[:, 1] = self._batch(*pairs[:, ::-1].copy())[::-1]
        answers[:half, 2] = self._batch(*pairs[:, :half])
        return answers

    def _batch(self, rows: Indices, versions: Indices) -> NDArray[np.float32]:
        chosen = torch.from_numpy(rows)
        images = self.device.versions(
            self.instances.scheme,
            [self.instances.draws[row].secret for row in rows],
            self.raw.images[chosen],
            [self.raw.ids[row] for row in rows],
            versions[:, None],
            None if self.raw.labels is None else self.raw.labels[chosen],
        )[:, 0]
        scores = self.score(self.oracle, images, self.targets[chosen], self.views[chosen])
        values: NDArray[np.float32] = scores.float().cpu().numpy()
        if not np.isfinite(values).all():
            raise AuditError(
                "the model's answers gave scores that are not finite; it is no model to audit"
            )
        return values


def fingerprint(views: Tensor) -> int:
    """64 bits of the parameters of an instance's views."""
    content = np.ascontiguousarray(views.cpu().numpy()).tobytes()
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
