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
from taggant.data.pixels import taken
from taggant.marking.device import MarkingDevice
from taggant.marking.draws import VIEWS, seed_of_all
from taggant.marking.instances import Instances
from taggant.score import AnyOracle, Score

MADE_AT_ONCE = 4 << 20
"""Bytes of versions that are made in one call, for several batches."""
Indices = NDArray[np.int64]
NONE: Indices = np.zeros(0, np.int64)
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
        raw = taken(self.raw.images, torch.tensor(rows))
        views = self.score.views_of(self.oracle, raw, self.targets[rows], seeds)
        self.views = views.new_zeros(len(self.raw), *views.shape[1:])
        self.views[rows] = views
        if not self.score.choosing:
            return None
        return np.array([fingerprint(self.views[i]) for i in mine], np.uint64)

    def controls_due(self, last: bool) -> int:
        """How many controls to ask next: all when their time has come, or for the last time."""
        return len(self.controls) if last else self.controls.due(self.queries)

    def spare(self, rows: int) -> int:
        """How many more (instance, version) rows cost nothing: places that would be padded."""
        return -rows % self._step if self.oracle.pads else 0

    def ask(
        self, hidden: Pairs, first: Pairs, again: Pairs, controls: int
    ) -> list[NDArray[np.float32]]:
        """Scores of hidden versions, and of published ones for the first time and once more.

        The first `controls` controls are among them.
        """
        known = self._again(controls)
        self.asked_again += len(again[0]) * self.score.views
        rows, versions = np.concatenate([hidden, first, again, known], axis=1)
        starts = np.cumsum([0, *(len(part[0]) for part in (hidden, first, again))])
        scores = self._scores(rows, versions, *map(np.arange, starts[1:3], starts[2:]))
        *parts, repeated = np.split(scores, starts[1:])
        self.controls.check(repeated)
        return parts

    def ask_last(self) -> None:
        """Ask the controls once more."""
        self.controls.check(self._scores(*self._again(len(self.controls))))

    def _scores(
        self, rows: Indices, versions: Indices, first: Indices = NONE, last: Indices = NONE
    ) -> NDArray[np.float32]:
        """Scores of (instance, version) rows; rows are shuffled so that no slot is special.

        Of an instance, the row among `first` comes first and that among `last` comes last:
        whatever is compared with the published version's answers is asked between them.
        """
        position = self._shuffle.permutation(len(rows))
        bring(position, rows, first, to_end=False)
        bring(position, rows, last, to_end=True)
        order = np.argsort(position)
        scores = np.empty(len(rows), np.float32)
        at_once = self._step * max(1, MADE_AT_ONCE // (self._step * self.raw.images[0].nbytes))
        for some in np.split(order, range(at_once, len(rows), at_once)):
            made = self._made(rows[some], versions[some])
            for start in range(0, len(some), self._step):
                part = slice(start, start + self._step)
                scores[some[part]] = self._batch(rows[some[part]], made[part])
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
        """Scores of some pairs in one batch; and of half of them in the slots of the others, with
        copies of one for company, [B, 2]."""
        count = pairs.shape[1]
        half = count // 2 + 1
        moved = np.concatenate([np.zeros(count - half, np.int64), np.arange(half)[::-1]])
        answers = np.full((count, 2), np.nan)
        answers[:, 0] = self._batch(pairs[0], self._made(*pairs))
        again = pairs[:, moved]
        answers[:half, 1] = self._batch(again[0], self._made(*again))[count - half :][::-1]
        return answers

    def _made(self, rows: Indices, versions: Indices) -> Tensor:
        """Versions uint8 [B, C, H, W] of instances."""
        chosen = torch.from_numpy(rows)
        return self.device.versions(
            self.instances.scheme,
            [self.instances.draws[row].secret for row in rows],
            self.raw.images.index_select(0, chosen.to(self.raw.images.device)),
            [self.raw.ids[row] for row in rows],
            versions[:, None],
            None if self.raw.labels is None else self.raw.labels[chosen],
        )[:, 0]

    def _batch(self, rows: Indices, images: Tensor) -> NDArray[np.float32]:
        """Scores of one version of each instance."""
        chosen = torch.from_numpy(rows)
        scores = self.score(self.oracle, images, self.targets[chosen], self.views[chosen])
        values: NDArray[np.float32] = scores.float().cpu().numpy()
        if not np.isfinite(values).all():
            raise AuditError(
                "the model's answers gave scores that are not finite; it is no model to audit"
            )
        return values


def bring(position: Indices, rows: Indices, chosen: Indices, to_end: bool) -> None:
    """Change positions so that of each instance the chosen row comes first, or last, in place.

    It changes places with the row of the same instance that stands there.

    Parameters
    ----------
    position, rows : int arrays [R]
        Of each row its place, and its instance.
    chosen : int array
        Rows, at most one of an instance.
    """
    if len(chosen) == 0:
        return
    by_place = np.lexsort((position, rows))
    at = np.searchsorted(rows[by_place], rows[chosen], "right" if to_end else "left") - to_end
    there = by_place[at]
    position[chosen], position[there] = position[there], position[chosen]


def fingerprint(views: Tensor) -> int:
    """64 bits of the parameters of an instance's views."""
    content = np.ascontiguousarray(views.cpu().numpy()).tobytes()
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
