"""PictureScores that were paid for are written down at once, and never asked for again."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from taggant.score import AnyOracle
from taggant.store.lock import locked

SCHEMA = """
CREATE TABLE IF NOT EXISTS audit (key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
    image BLOB NOT NULL, occurrence INTEGER NOT NULL, answer BLOB NOT NULL,
    PRIMARY KEY (image, occurrence)
) WITHOUT ROWID;
"""


class BudgetError(RuntimeError):
    """The next question would cost more than was allowed; everything answered is kept."""


class RunningError(RuntimeError):
    """Another process writes the same file."""


class Journal:
    """An oracle that remembers, across interruptions.

    The engine asks the same questions in the same order whenever it is started for the same
    pictures.
    The k-th time an image is asked in an audit is answered from the journal if that was answered
    before. So a repeated call pays only for what is new, while an image that is asked twice on
    purpose (to see whether the model drifts) is asked twice, once ever.

    Parameters
    ----------
    oracle : AnyOracle
    path : Path
        SQLite file, mode 0600. Each batch of answers is on the disk before the next is asked.
    key : str
        What the answers belong to; a journal of another audit is refused.
    budget : int, optional
        Most queries that may be paid, over all calls together.

    Attributes
    ----------
    paid : int
        PictureScores on record.
    queries : int
        Images that this process asked for, those answered from the record included.

    Raises
    ------
    ValueError
        If the file belongs to another audit.
    RunningError
        If another audit is writing it.
    """

    def __init__(self, oracle: AnyOracle, path: Path, key: str, budget: int | None = None) -> None:
        self.oracle = oracle
        self.path = path
        self.budget = budget
        self.device = oracle.device
        self.pads = oracle.pads and budget is None  # what is read ahead counts against a budget
        self.queries = 0
        self.asked: Counter[bytes] = Counter()
        self._held = ExitStack()
        try:
            self._open(key)
        except BaseException:
            self._held.close()
            raise

    @property
    def batch_size(self) -> int:
        """Images that are asked about at once."""
        return self.oracle.batch_size

    @batch_size.setter
    def batch_size(self, size: int) -> None:
        self.oracle.batch_size = size

    def _open(self, key: str) -> None:
        lock = self.path.with_name(f".{self.path.name}.lock")
        self._held.enter_context(locked(lock, self._refuse))
        self.path.touch(mode=0o600)
        with self._naming_the_file():
            self.base = sqlite3.connect(self.path, isolation_level=None)
            self._held.callback(self.base.close)
            self.base.executescript(SCHEMA)
            self._belongs_to(key)
            self.paid = int(self.base.execute("SELECT COUNT(*) FROM answers").fetchone()[0])

    def _refuse(self) -> None:
        raise RunningError(
            f"another audit with this --out is running and writes {self.path}; wait until it ends "
            "(the same command then goes on from its answers), or choose another --out"
        )

    def _belongs_to(self, key: str) -> None:
        recorded = self.base.execute("SELECT key FROM audit").fetchone()
        if recorded is None:
            self.base.execute("INSERT INTO audit VALUES (?)", (key,))
        elif recorded[0] != key:
            raise ValueError(
                f"{self.path} holds answers of another audit (other pictures, model, score or "
                "test, or another URL: keys that change belong into --header); give this one "
                "another --out"
            )

    def query(self, images: Tensor) -> Tensor:
        """PictureScores [B, ...] to images uint8 [B, C, H, W], any B >= 1."""
        self.queries += len(images)
        keys = [self._key(image) for image in images]
        answers = [self._find(key) for key in keys]
        missing = [i for i, answer in enumerate(answers) if answer is None]
        for start in range(0, len(missing), self.batch_size):
            rows = missing[start : start + self.batch_size]
            self._afford(len(rows))
            fresh = self.oracle.query(images[rows]).float().cpu()
            self._record([keys[i] for i in rows], fresh)
            for row, answer in zip(rows, fresh, strict=True):
                answers[row] = answer
        return torch.stack([answer for answer in answers if answer is not None])

    def _key(self, image: Tensor) -> tuple[bytes, int]:
        content = hashlib.sha256(str(list(image.shape)).encode())
        content.update(image.cpu().contiguous().numpy().data)
        digest = content.digest()
        self.asked[digest] += 1
        return digest, self.asked[digest]

    def _find(self, key: tuple[bytes, int]) -> Tensor | None:
        with self._naming_the_file():
            found = self.base.execute(
                "SELECT answer FROM answers WHERE image = ? AND occurrence = ?", key
            ).fetchone()
        return None if found is None else torch.from_numpy(np.frombuffer(found[0], "<f4").copy())

    def _record(self, keys: list[tuple[bytes, int]], fresh: Tensor) -> None:
        rows = [
            (*key, answer.numpy().astype("<f4").tobytes())
            for key, answer in zip(keys, fresh, strict=True)
        ]
        with self._naming_the_file():
            self.base.execute("BEGIN")
            try:
                self.base.executemany("INSERT INTO answers VALUES (?, ?, ?)", rows)
                self.base.execute("COMMIT")
            except sqlite3.Error:
                if self.base.in_transaction:
                    self.base.execute("ROLLBACK")
                raise
        self.paid += len(rows)

    def _afford(self, count: int) -> None:
        if self.budget is not None and self.paid + count > self.budget:
            raise BudgetError(
                f"the budget of {self.budget} queries is used up ({self.paid} answered, all kept "
                f"in {self.path}). The same command with a larger --budget goes on from here"
            )

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        """Troubles of the database, said as troubles of the file."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise OSError(
                f"{self.path}: {error}. Every answer recorded before is kept; make room or mend "
                "the file and give the same command again"
            ) from error

    def close(self) -> None:
        """Release the file."""
        self._held.close()
