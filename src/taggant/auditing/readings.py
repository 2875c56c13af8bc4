"""What an audit read of a model, from which every test is replayed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from taggant.auditing.comparison import paths
from taggant.files import write_atomically
from taggant.stats import Boundary

ALL = "all"
READ = (ALL, "until_decided")
"""How many hidden versions an audit reads."""


@dataclass(frozen=True)
class Readings:
    """Exceedances of each instance, in its reading order.

    Attributes
    ----------
    bits : bool array [I, D]
        True where a hidden version exceeds; columns from `reads` on are padding.
    doubtful : bool array [I, D]
        True where its score lies between the published version's answers
        (`taggant.auditing.comparison`).
    reads : int array [I]
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
        Images asked once more: the same few again and again, and each published one at its end.
    fault : str or None
        What is wrong with the model's answers, which voids the audit: no claim is made, and the
        reading is not continued.
    chosen : uint64 array [I] or None
        Fingerprints of the views of each instance, where they were chosen by asking the model.
    scores : float32 array [I, 3 + D] or None
        Of the published version the first one, and the least and the largest; then of the hidden
        ones as read. Where `read` was asked to keep them; columns beyond 3 + `reads` are padding.
        They are not saved.
    """

    bits: NDArray[np.bool_]
    doubtful: NDArray[np.bool_]
    reads: NDArray[np.int64]
    n: int
    grid: float
    queries: int
    shard: tuple[int, int] = (0, 1)
    device: str = "cpu"
    controls: int = 0
    fault: str | None = None
    chosen: NDArray[np.uint64] | None = None
    scores: NDArray[np.float32] | None = None

    @property
    def full(self) -> bool:
        """Whether every hidden version of every instance was read."""
        return bool((self.reads == self.n - 1).all())

    def serves(self, until: Sequence[Boundary] | None) -> bool:
        """Whether these tests can be replayed; without tests, whether the reading is full.

        A reading with a fault serves every test: none makes a claim on it.
        """
        if self.full or self.fault is not None:
            return True
        return until is not None and all(self._decides(test) for test in until)

    def _decides(self, test: Boundary) -> bool:
        """Whether a test had stopped on all its paths, for every instance."""
        stops = [test.stopped_at(path)[0] for path in paths(self.bits, self.doubtful, test)]
        return all(bool(((stop > 0) & (stop <= self.reads)).all()) for stop in stops)

    def exceedances(self) -> NDArray[np.int64]:
        """T of each instance, [I]; needs a full reading."""
        if not self.full:
            raise ValueError("ranks need every hidden version read: audit with audit.read=all")
        exceedances: NDArray[np.int64] = self.bits.sum(1)
        return exceedances

    def save(self, folder: Path) -> None:
        """Write bit-packed."""
        arrays: dict[str, NDArray[np.generic]] = {
            "bits": np.packbits(self.bits, axis=1),
            "doubtful": np.packbits(self.doubtful, axis=1),
            "reads": self.reads,
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
        bits, doubtful = (
            np.unpackbits(arrays[name], axis=1, count=facts["width"]).astype(bool)
            for name in ("bits", "doubtful")
        )
        return cls(
            bits,
            doubtful,
            arrays["reads"],
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

        Each instance was read by one shard, so that its bits come from one device and one grid.
        Where shards differ in these, the coarsest grid and all devices are named.

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
        versions = {part.n for part in shards}
        if len(versions) > 1:
            raise ValueError(f"shards of n = {sorted(versions)} versions are of several readings")
        reads = np.zeros(sum(len(part.reads) for part in shards), np.int64)
        prints = np.zeros(len(reads), np.uint64)
        bits, doubtful = np.zeros((2, len(reads), max(part.bits.shape[1] for part in shards)), bool)
        for part in shards:
            rows, width = slice(part.shard[0], None, k), part.bits.shape[1]
            reads[rows] = part.reads
            bits[rows, :width], doubtful[rows, :width] = part.bits, part.doubtful
            if part.chosen is not None:
                prints[rows] = part.chosen
        grid = max(part.grid for part in shards)
        device = ", ".join(sorted({part.device for part in shards}))
        queries, controls = sum(p.queries for p in shards), sum(p.controls for p in shards)
        fault = next((part.fault for part in shards if part.fault is not None), None)
        views = prints if all(part.chosen is not None for part in shards) else None
        whole, n = (0, 1), versions.pop()
        return cls(bits, doubtful, reads, n, grid, queries, whole, device, controls, fault, views)
