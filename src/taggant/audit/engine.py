"""The audit engine: exceedance bits of many instances, read in large batches.

A hidden version *exceeds* when its score is larger than the published version's. Hidden versions
are read in a random order of each instance's own; the bits in that order are all that a
sequential test needs, so tests are replayed on them without the model.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save
from torch import Tensor

from taggant.audit.controls import PERIOD, Controls
from taggant.files import write_atomically
from taggant.marking.draws import VIEWS, seed_of_all
from taggant.marking.instances import Instances
from taggant.marking.place import Place
from taggant.marking.publish import RemakeError, published_indices, remake_place
from taggant.marking.scheme import at_hand
from taggant.score import Oracle, Score
from taggant.stats import Boundary

ROUND = 8
"""Batches of a round, about."""
ORDER_MEMORY = 64 << 20
"""Bytes that the reading orders and tie keys of the instances in flight may take together."""

Progress = Callable[[int, int], None]
"""Called after each round with (instances finished so far, queries so far)."""


class AuditError(RuntimeError):
    """The audit refuses to go on, because its guarantee would not hold."""


@dataclass(frozen=True)
class Readings:
    """Exceedances of each instance, in its reading order.

    Attributes
    ----------
    bits : bool array [I, D]
        True where a hidden version exceeds; columns from `depth` on are padding.
    depth : int array [I]
        Hidden versions read of each instance.
    n : int
        Versions per instance.
    grid : float
        Scores were rounded to multiples of this before comparing; 0 where the arithmetic was
        found equal in every slot of a batch.
    queries : int
        Images the oracle was asked for scores, read-ahead included; the probe and the controls are
        left out.
    shard : (int, int)
        (i, k): instances i, i + k, i + 2 k, ... of those marked; (0, 1) are all.
    device : str
        Where the model answered.
    controls : int
        Images asked as controls: the same few again and again.
    fault : str or None
        Why the audit is void: no claim is made of it. The reading was broken off, and is not gone
        on with.
    chosen : uint64 array [I] or None
        Fingerprints of the views of each instance, where they were chosen by asking the model.
    """

    bits: NDArray[np.bool_]
    depth: NDArray[np.int64]
    n: int
    grid: float
    queries: int
    shard: tuple[int, int] = (0, 1)
    device: str = "cpu"
    controls: int = 0
    fault: str | None = None
    chosen: NDArray[np.uint64] | None = None

    @property
    def full(self) -> bool:
        """Whether every hidden version of every instance was read."""
        return bool((self.depth == self.n - 1).all())

    def serves(self, until: Sequence[Boundary] | None) -> bool:
        """Whether these tests can be replayed; without tests, whether the reading is full.

        A void one serves all: whatever the test, it makes no claim.
        """
        if self.full or self.fault is not None:
            return True
        return until is not None and all(
            (_stops(test, self.bits, self.depth) > 0).all() for test in until
        )

    def exceedances(self) -> NDArray[np.int64]:
        """T of each instance, [I]; needs a full reading."""
        if not self.full:
            raise ValueError("ranks need every hidden version read: audit with depth 'full'")
        exceedances: NDArray[np.int64] = self.bits.sum(1)
        return exceedances

    def save(self, folder: Path) -> None:
        """Write bit-packed."""
        arrays: dict[str, NDArray[Any]] = {
            "bits": np.packbits(self.bits, axis=1),
            "depth": self.depth,
        }
        if self.chosen is not None:
            arrays["chosen"] = self.chosen
        write_atomically(folder / "readings.safetensors", save(arrays))
        facts = {
            "n": self.n,
            "grid": self.grid,
            "queries": self.queries,
            "width": self.bits.shape[1],
            "shard": self.shard,
            "device": self.device,
            "controls": self.controls,
            "fault": self.fault,
        }
        (folder / "readings.json").write_text(json.dumps(facts))

    @classmethod
    def load(cls, folder: Path) -> Readings:
        """Read what `save` wrote."""
        arrays = load_file(folder / "readings.safetensors")
        facts = json.loads((folder / "readings.json").read_text())
        bits = np.unpackbits(arrays["bits"], axis=1, count=facts["width"]).astype(bool)
        return cls(
            bits,
            arrays["depth"],
            facts["n"],
            facts["grid"],
            facts["queries"],
            tuple(facts["shard"]),
            facts["device"],
            facts["controls"],
            facts["fault"],
            arrays.get("chosen"),
        )

    @classmethod
    def merge(cls, shards: Sequence[Readings]) -> Readings:
        """Put the shards 0..k-1 of k together.

        Guarantee: equal bit for bit to an unsharded reading wherever the arithmetic of a forward
        does not depend on batch-mates (grid 0, which the probe checks).

        Raises
        ------
        ValueError
            If they are not the k shards of one reading.
        """
        k = len(shards)
        if sorted(part.shard for part in shards) != [(i, k) for i in range(k)]:
            raise ValueError(f"shards {[part.shard for part in shards]} are not 0..{k - 1} of {k}")
        facts = {(part.n, part.grid, part.device) for part in shards}
        if len(facts) > 1:
            raise ValueError(f"shards were read differently (n, grid, device): {sorted(facts)}")
        depth = np.zeros(sum(len(part.depth) for part in shards), np.int64)
        prints = np.zeros(len(depth), np.uint64)
        bits = np.zeros((len(depth), max(part.bits.shape[1] for part in shards)), bool)
        for part in shards:
            rows = slice(part.shard[0], None, k)
            depth[rows] = part.depth
            bits[rows, : part.bits.shape[1]] = part.bits
            if part.chosen is not None:
                prints[rows] = part.chosen
        n, grid, device = facts.pop()
        queries, controls = sum(p.queries for p in shards), sum(p.controls for p in shards)
        fault = next((part.fault for part in shards if part.fault is not None), None)
        views = prints if all(part.chosen is not None for part in shards) else None
        return cls(bits, depth, n, grid, queries, (0, 1), device, controls, fault, views)


def check_published(instances: Instances) -> Place:
    """Re-make the published versions, compare bit for bit; where they come out the same.

    Raises
    ------
    AuditError
        If they come out the same nowhere: hidden versions would then not be made as the published
        one was, and its rank would mean nothing.
    """
    try:
        return remake_place(instances.scheme, instances.ledger, instances.raw, instances.published)
    except RemakeError as error:
        raise AuditError(str(error)) from error


def read(
    oracle: Oracle,
    score: Score,
    instances: Instances,
    until: Sequence[Boundary] | None = None,
    block: int = 16,
    progress: Progress | None = None,
    shard: tuple[int, int] = (0, 1),
    earlier: Readings | None = None,
    targets: Tensor | None = None,
) -> Readings:
    """Read hidden versions until every test has stopped.

    Parameters
    ----------
    oracle, score
        The model's answers, and how they become one number.
    instances : Instances
        Marked instances, used and unused alike. Reading orders, tie keys, views, and the engine's
        own shuffles follow from their secrets: the same call reads the same bits.
    until : sequence of Boundary, optional
        Tests to serve; without, all hidden versions are read.
    block : int
        Hidden versions of one instance read ahead per round. Decisions do not depend on it.
    progress : callable, optional
        Told after each round.
    shard : (int, int)
        (i, k): read only every k-th instance, from the i-th on.
    earlier : Readings, optional
        A reading of the same model, score, instances and shard to go on from; a void one is the
        answer itself. Where its device, its grid or its views differ from this one's, everything
        is read anew: bits of different scores do not mix.
    targets : Tensor [N, ...], optional
        What the score compares each instance's answers with, the same for all its versions; the
        victim's ``targets`` of the raw images. Default: the labels.

    Raises
    ------
    AuditError
        If the published images cannot be made again, or one image alone is too large for the
        device. A batch that is too large is halved, with a warning.
    ValueError
        Without targets for instances that have no labels, for targets that are not one per
        instance, or for a block < 1.
    """
    if block < 1:
        raise ValueError(f"audit.block = {block}: accepted are 1, 2, 3, ...")
    targets = instances.raw.labels if targets is None else targets
    if targets is None:
        raise ValueError(f"{instances.raw.name} has no labels: an audit needs the victim's targets")
    if len(targets) != len(instances.raw):
        raise ValueError(
            f"{len(targets)} targets for {len(instances.raw)} instances: all versions of an "
            "instance are compared with the same one"
        )
    place = check_published(instances)
    if earlier is not None and earlier.fault is not None:
        return earlier
    while True:
        reader = _Reader(oracle, score, instances, targets, place, until, block, progress, shard)
        try:
            return reader.run(earlier)
        except torch.OutOfMemoryError:
            _halve(oracle)


def _halve(oracle: Oracle) -> None:
    """Ask for fewer images at once. A reading starts over: it mixes no two forward shapes."""
    if oracle.batch_size == 1:
        raise AuditError(f"a single image does not fit into the memory of {oracle.device}")
    oracle.batch_size //= 2
    warnings.warn(
        f"{oracle.device} is out of memory: the audit starts over with audit.batch_size = "
        f"{oracle.batch_size}",
        stacklevel=3,
    )
    if oracle.device.type == "cuda":
        torch.cuda.empty_cache()


class _Reader:
    """One call of `read`. Rows are (instance, version) pairs; instances in flight hold a slot."""

    def __init__(
        self,
        oracle: Oracle,
        score: Score,
        instances: Instances,
        targets: Tensor,
        place: Place,
        until: Sequence[Boundary] | None,
        block: int,
        progress: Progress | None,
        shard: tuple[int, int],
    ) -> None:
        raw = instances.raw
        self.oracle, self.score, self.instances, self.place = oracle, score, instances, place
        self.draws, self.progress, self.shard = instances.draws, progress, shard
        self.mine = range(shard[0], len(raw), shard[1])
        self.n = instances.ledger.n
        self.raw, self.targets = raw, targets
        self.tests = None if until is None else _Tests(until, len(raw))
        self.published = published_indices(instances.ledger, raw.ids)
        self.views = torch.zeros(0)
        self.chosen: NDArray[np.uint64] | None = None
        # Rounds of whole batches, but for some room for new instances' published versions: what a
        # batch lacks is padded, and costs as much.
        rows = ROUND * oracle.batch_size - oracle.batch_size // 8
        held = at_hand(instances.scheme, raw.images[0])
        most = min(ORDER_MEMORY // (12 * self.n), rows // block, len(self.mine), held)
        in_flight = max(1, most)
        self.slots = _Slots(in_flight, self.n)
        all_of_it = 0 if until is not None else rows // (in_flight * score.views)
        self.block = min(max(block, all_of_it), self.n)
        self.read = np.zeros(len(raw), np.int64)
        self.exceeded = np.zeros(len(raw), np.int64)
        self.bits: list[list[NDArray[np.bool_]]] = [[] for _ in range(len(raw))]
        self.own = np.zeros(len(raw), np.float32)
        self.tied = np.ones(len(raw), bool)
        self.seen = np.zeros(len(raw), bool)
        self.recorded = self.recorded_controls = 0
        self.asked_controls = 0
        # Whoever knew rows and times of the controls beforehand could answer the rest otherwise.
        self.shuffle = np.random.default_rng(seed_of_all(self.draws, "rows"))

    def run(self, earlier: Readings | None) -> Readings:
        paid = self.oracle.queries
        self._choose_views()
        paid = self.oracle.queries - paid
        self.grid = self._probe()
        self.before = self.oracle.queries - paid
        if earlier is not None and self._continues(earlier):
            self._resume(earlier)
        waiting = [i for i in self.mine if not self._done(i)][::-1]
        while self.controls.fault is None and (waiting or self.slots.busy.any()):
            self._admit(waiting)
            self._round()
            if self.progress is not None:
                free = len(waiting) + int(self.slots.busy.sum())
                self.progress(len(self.mine) - free, self.oracle.queries - self.before)
        self._last_checks()
        return self._readings()

    def _last_checks(self) -> None:
        """Ask the controls once more, and look at what ties."""
        if self.controls.fault is not None:
            return
        self.controls.check(self._scores(*self._controls(len(self.controls))))
        read_here = np.flatnonzero(self.seen)
        self.controls.look(self.own[read_here], self.tied[read_here])

    def _controls(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(instance, version) of the first `count` controls, which are thereby counted."""
        self.asked_controls += count * self.score.views
        return self._probed(count), np.zeros(count, np.int64)

    def _choose_views(self) -> None:
        """Views of this shard's instances and the probe's, paid for where the model is asked."""
        rows = sorted({*self.mine, *self._probed(self._asked_at_once).tolist()})
        seeds = [self.draws[i].seed(VIEWS) for i in rows]
        raw, targets = self.raw.images[rows], self.targets[rows]
        views = self.score.views_of(self.oracle, raw, targets, seeds)
        self.views = views.new_zeros(len(self.raw), *views.shape[1:])
        self.views[rows] = views
        if self.score.choosing:
            self.chosen = np.array([fingerprint(self.views[i]) for i in self.mine], np.uint64)

    def _continues(self, earlier: Readings) -> bool:
        """Whether bits of an earlier reading are of the same scores."""
        device = str(self.oracle.device.type)
        same = (earlier.grid, earlier.device) == (self.grid, device)
        if self.chosen is None or earlier.chosen is None:
            return same and self.chosen is None
        return same and np.array_equal(self.chosen, earlier.chosen)

    def _resume(self, earlier: Readings) -> None:
        """Take over recorded bits, and where each test stopped on them."""
        mine = np.array(self.mine)
        self.read[mine] = earlier.depth
        self.exceeded[mine] = (earlier.bits & _real(earlier)).sum(1)
        self.recorded, self.recorded_controls = earlier.queries, earlier.controls
        for row, i in enumerate(self.mine):
            self.bits[i].append(earlier.bits[row, : earlier.depth[row]])
        if self.tests is not None:
            for column, test in enumerate(self.tests.boundaries):
                self.tests.stopped[mine, column] = _stops(test, earlier.bits, earlier.depth)

    def _done(self, instance: int) -> bool:
        if self.read[instance] == self.n - 1:
            return True
        return self.tests is not None and bool((self.tests.stopped[instance] > 0).all())

    def _admit(self, waiting: list[int]) -> None:
        """Fill free slots; the new instances' published versions are scored in the next round."""
        fresh = [(slot, waiting.pop()) for slot in self.slots.free()[: len(waiting)]]
        for slot, instance in fresh:
            own, j = self.draws[instance], self.published[instance]
            self.slots.take(slot, instance, own.order(j), own.tie_keys())
        self.fresh = np.array([slot for slot, _ in fresh], np.int64)

    def _round(self) -> None:
        """Score the next block of every instance in flight, then update and release."""
        slots = np.flatnonzero(self.slots.busy)
        instance = self.slots.instance[slots]
        column = self.read[instance][:, None] + np.arange(self.block)
        exists = column < self.n - 1
        hidden = self.slots.order[slots[:, None], np.minimum(column, self.n - 2)]
        fresh = self.slots.instance[self.fresh]
        again, zeros = self._controls(self.controls.due(self.oracle.queries - self.before))
        rows = np.concatenate([np.repeat(instance, exists.sum(1)), fresh, again])
        scores = self._scores(rows, np.concatenate([hidden[exists], self.published[fresh], zeros]))
        hidden_rows = int(exists.sum())
        theirs, own, repeated = np.split(scores, [hidden_rows, hidden_rows + len(fresh)])
        self.controls.check(repeated)
        self.slots.score[self.fresh] = self.own[fresh] = own
        values = np.full(hidden.shape, -np.inf, np.float32)
        values[exists] = theirs
        kept = self._update(slots, instance, self._compare(slots, hidden, values), exists)
        self._note_ties(slots, instance, values, kept)

    def _note_ties(
        self,
        slots: NDArray[np.int64],
        instance: NDArray[np.int64],
        values: NDArray[np.float32],
        kept: NDArray[np.int64],
    ) -> None:
        """Remember whose hidden versions all have the published version's very score."""
        equal = values == self.slots.score[slots][:, None]
        unread = np.arange(self.block) >= kept[:, None]
        self.tied[instance] &= (equal | unread).all(1)
        self.seen[instance] = True

    def _scores(self, rows: NDArray[np.int64], versions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores of (instance, version) rows; rows are shuffled so that no slot is special."""
        order = self.shuffle.permutation(len(rows))
        scores = np.empty(len(rows), np.float32)
        step = self._asked_at_once
        for start in range(0, len(rows), step):
            part = order[start : start + step]
            scores[part] = self._score_batch(rows[part], versions[part])
        return scores

    def _score_batch(
        self, rows: NDArray[np.int64], versions: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        chosen = torch.from_numpy(rows)
        images = self.place.versions(
            self.instances.scheme,
            self.instances.ledger.secret,
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

    def _probe(self) -> float:
        """Grid that hides differences a version's slot and batch-mates make to its score."""
        rows = self._probed(self._asked_at_once)
        versions = np.zeros_like(rows)
        self.grid = 0.0
        whole = self._score_batch(rows, versions)
        reverse = self._score_batch(rows[::-1].copy(), versions)[::-1]
        half = self._score_batch(rows[: len(rows) // 2 + 1], versions[: len(rows) // 2 + 1])
        largest = max(np.abs(whole - reverse).max(), np.abs(whole[: len(half)] - half).max())
        grid = float(10 * largest)
        period = PERIOD * self.oracle.batch_size
        self.controls = Controls(whole, grid, period, seed_of_all(self.draws, "controls"))
        return grid

    @property
    def _asked_at_once(self) -> int:
        """Versions of a batch."""
        return max(1, self.oracle.batch_size // self.score.views)

    def _probed(self, most: int) -> NDArray[np.int64]:
        """The first instances of the set, the probe's."""
        return np.arange(min(most, len(self.raw)), dtype=np.int64)

    def _compare(
        self, slots: NDArray[np.int64], hidden: NDArray[np.int64], scores: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Exceedances bool [slots, block]: lexicographic in (score, tie key)."""
        own = self.slots.score[slots][:, None]
        keys = self.slots.ties[slots[:, None], hidden]
        own_keys = self.slots.ties[slots, self.published[self.slots.instance[slots]]][:, None]
        return exceeding(scores, keys, own, own_keys, self.grid)

    def _update(
        self,
        slots: NDArray[np.int64],
        instance: NDArray[np.int64],
        bits: NDArray[np.bool_],
        exists: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """Record a block's bits up to the stop; how many were kept of each."""
        paths = self.exceeded[instance][:, None] + np.cumsum(bits & exists, axis=1)
        times = self.read[instance][:, None] + 1 + np.arange(self.block)
        kept: NDArray[np.int64] = exists.sum(1)
        finished = self.read[instance] + kept == self.n - 1
        if self.tests is not None:
            last = self.tests.last_stop(instance, times, paths, exists)
            decided = last > 0
            kept = np.where(decided, last - self.read[instance], kept)
            finished |= decided
        for row, (i, count) in enumerate(zip(instance, kept, strict=True)):
            self.bits[i].append(bits[row, :count])
        rows = np.arange(len(slots))
        self.exceeded[instance] = paths[rows, np.maximum(kept, 1) - 1]
        self.read[instance] += kept
        self.slots.busy[slots[finished]] = False
        return kept

    def _readings(self) -> Readings:
        depth = self.read[list(self.mine)]
        bits = np.zeros((len(depth), int(depth.max())), bool)
        for row, i in enumerate(self.mine):
            bits[row, : depth[row]] = np.concatenate([np.zeros(0, bool), *self.bits[i]])
        asked = self.oracle.queries - self.before - self.asked_controls
        return Readings(
            bits,
            depth,
            self.n,
            self.grid,
            self.recorded + asked,
            self.shard,
            str(self.oracle.device.type),
            self.recorded_controls + self.asked_controls,
            self.controls.fault,
            self.chosen,
        )


class _Slots:
    """Reading orders, tie keys and published scores of the instances in flight."""

    def __init__(self, count: int, n: int) -> None:
        self.busy = np.zeros(count, bool)
        self.instance = np.zeros(count, np.int64)
        self.order = np.zeros((count, n - 1), np.int32)
        self.ties = np.zeros((count, n), np.uint64)
        self.score = np.zeros(count, np.float32)

    def free(self) -> list[int]:
        return [int(slot) for slot in np.flatnonzero(~self.busy)]

    def take(
        self, slot: int, instance: int, order: NDArray[np.int64], ties: NDArray[np.uint64]
    ) -> None:
        self.busy[slot], self.instance[slot] = True, instance
        self.order[slot], self.ties[slot] = order, ties


class _Tests:
    """When each of several tests stopped, for every instance (0: not yet)."""

    def __init__(self, boundaries: Sequence[Boundary], count: int) -> None:
        self.boundaries = boundaries
        self.stopped = np.zeros((count, len(boundaries)), np.int64)

    def last_stop(
        self,
        instance: NDArray[np.int64],
        times: NDArray[np.int64],
        paths: NDArray[np.int64],
        exists: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """Hidden versions read when the last test stopped; 0 where one has not."""
        for column, boundary in enumerate(self.boundaries):
            at = np.minimum(times, boundary.n - 1)
            hit = boundary.outcome(at, paths)[0] & exists
            first = np.take_along_axis(times, hit.argmax(1)[:, None], 1)[:, 0]
            fresh = hit.any(1) & (self.stopped[instance, column] == 0)
            self.stopped[instance[fresh], column] = first[fresh]
        stops = self.stopped[instance]
        return np.where((stops > 0).all(1), stops.max(1), 0)


def _real(readings: Readings) -> NDArray[np.bool_]:
    """Which columns of `bits` were read, [I, D]; the others are padding."""
    columns: NDArray[np.int64] = np.arange(readings.bits.shape[1])
    real: NDArray[np.bool_] = columns < readings.depth[:, None]
    return real


def _stops(test: Boundary, bits: NDArray[np.bool_], depth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hidden versions read when a test stopped on recorded bits, [I]; 0 where it has not."""
    stop, _ = test.stopped_at(bits)
    return np.where((stop > 0) & (stop <= depth), stop, 0)


def fingerprint(views: Tensor) -> int:
    """64 bits of the parameters of an instance's views."""
    content = np.ascontiguousarray(views.cpu().numpy()).tobytes()
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")


def exceeding(
    theirs: NDArray[Any], keys: NDArray[Any], own: NDArray[Any], own_keys: NDArray[Any], grid: float
) -> NDArray[np.bool_]:
    """Whether hidden versions exceed the published one: lexicographic in (score, tie key)."""
    theirs, own = snap(theirs, grid), snap(own, grid)
    exceeds: NDArray[np.bool_] = (theirs > own) | ((theirs == own) & (keys > own_keys))
    return exceeds


def snap(scores: NDArray[Any], grid: float) -> NDArray[np.float64]:
    """Scores on the grid; as they are for grid 0."""
    wide = scores.astype(np.float64)
    return wide if grid == 0 else np.round(wide / grid)
