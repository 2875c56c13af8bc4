"""A content-addressed store of finished stages.

An artifact is a folder ``<stage>/<digest>`` with a manifest that lists the SHA-256 of every file.
It is written elsewhere and renamed when complete, so a killed run leaves none half-written; one
that is removed is renamed first. Jobs that need the same artifact at once compute it once. Locks
lie in ``.locks``; the system drops them when their process ends, however it ends.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from taggant.files import sha256, write_atomically
from taggant.stop import going_on_from
from taggant.store.identity import digest, library_versions
from taggant.store.lock import clear, locked
from taggant.store.manifest import (
    MANIFEST,
    Manifest,
    check,
    identity_digest,
    read_manifest,
    state_of,
)

LOCKS = ".locks"
USERS = "users"
"""The lock that whoever uses a store shares, and that whoever clears it away holds alone."""
PARTIAL = ".partial"
REMOVED = ".removed"


def _always(_: Path) -> bool:
    return True


@dataclass(frozen=True, eq=False)
class Stage:
    """One step of a run.

    Attributes
    ----------
    name : str
        data, mark, train, unlearn, score, audit or report.
    identity : mapping
        Everything the outcome depends on beside `needs`: resolved config, seed, sources. Plain
        values.
    compute : callable
        Writes the artifact's files into the folder it is given. The folder of an interrupted
        attempt is handed over again if `resumable`.
    resumable : bool
        Whether `compute` can go on from what an interrupted attempt left.
    needs : tuple of Stage
        What `compute` reads; their digests are part of this stage's.
    extent : callable, optional
        Says in plain values how much of the outcome is recorded, where that is a choice (readings
        of a model may stop early). It is no part of the digest: whoever builds on this stage gets
        the same from any record that is long enough. Records lie side by side.
    serves : callable
        Whether another extent's record, in the folder given, is long enough for this stage.
    """

    name: str
    identity: Mapping[str, object]
    compute: Callable[[Path], None]
    resumable: bool = False
    needs: tuple[Stage, ...] = ()
    extent: Callable[[], Mapping[str, object]] | None = None
    serves: Callable[[Path], bool] = _always

    @cached_property
    def digest(self) -> str:
        """Identity digest, 32 hex digits."""
        return identity_digest(self.name, self.inputs, self.identity)

    @property
    def sources(self) -> dict[str, str]:
        """Digest of each module that the outcome may depend on, as its identity holds it."""
        found = self.identity["sources"]
        assert isinstance(found, Mapping)
        return dict(found)

    @property
    def inputs(self) -> list[list[str]]:
        """Name and digest of each of `needs`."""
        return [[need.name, need.digest] for need in self.needs]


@dataclass(frozen=True)
class Artifact:
    """A finished stage: where it lies, what it took, whether it was there already."""

    stage: str
    digest: str
    path: Path
    seconds: float
    cached: bool


class Store:
    """Artifacts under one folder, shared by all runs and safe between processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.computed: set[str] = set()
        self._spent = 0.0
        self._verified: dict[Path, tuple[tuple[int, int, int], ...]] = {}

    def folder(self, stage: Stage) -> Path:
        """Where a stage's artifact lies or will lie."""
        folder = self.root / stage.name / stage.digest
        return folder if stage.extent is None else folder / digest(stage.extent())

    def has(self, stage: Stage) -> bool:
        """Whether a stage is finished."""
        return self.find(stage) is not None

    def find(self, stage: Stage) -> Path | None:
        """The folder that holds a stage's outcome, if there is one."""
        folder = self.folder(stage)
        if (folder / MANIFEST).exists():
            return folder
        return next((other for other in self.records(stage) if stage.serves(other)), None)

    def records(self, stage: Stage) -> list[Path]:
        """Folders of all extents to which a stage's outcome is recorded, checked."""
        if stage.extent is None:
            return []
        found = sorted(self.folder(stage).parent.glob(f"[!.]*/{MANIFEST}"))
        for path in found:
            self._verify(path.parent)
        return [path.parent for path in found]

    def get(self, stage: Stage, needs_ready: bool = False) -> Artifact:
        """Return a stage's artifact, computing it, and before it what it needs, if not there.

        Parameters
        ----------
        stage : Stage
        needs_ready : bool
            What the stage needs is at hand, though not in the store: it is called from inside the
            computation of one of its needs.

        Raises
        ------
        StoreError
            If a stored file's content is not what the manifest says, naming the file.
        OSError
            If a file cannot be written, naming it or the artifact's folder.
        """
        found, cached = self.find(stage), True
        if found is None:
            for need in () if needs_ready else stage.needs:
                self.get(need)
            lock = locked(self.lock(stage.name, stage.digest), partial(_say_waiting, stage))
            with going_on_from(f"stage {stage.name}"), self.in_use(), lock:
                found = self.find(stage)
                if found is None:
                    found, cached = self._compute(stage), False
        seconds = self._verify(found)["seconds"]
        return Artifact(stage.name, stage.digest, found, seconds, cached)

    def manifest(self, stage: Stage) -> Manifest | None:
        """Manifest of a stage's artifact (of several records, the one that took longest)."""
        home = self.root / stage.name / stage.digest
        where = MANIFEST if stage.extent is None else f"[!.]*/{MANIFEST}"
        found = [read_manifest(path.parent) for path in home.glob(where)]
        return max(found, key=lambda manifest: manifest["seconds"], default=None)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Hold the store: as long as anybody does, nobody clears it away (`upkeep.collect`)."""
        waiting = partial(_say, "waiting until the store is cleared up")
        try:
            with locked(self.users, waiting, shared=True):
                yield
        finally:
            _prune(self.root / LOCKS, self.root)

    @property
    def users(self) -> Path:
        """The lock file of `in_use`."""
        return self.root / LOCKS / USERS

    def clear_locks(self) -> None:
        """Remove what killed processes left of their locks."""
        clear(self.root / LOCKS)

    def lock(self, name: str, key: str) -> Path:
        """The lock file of a stage's computation; extents of one stage share it."""
        return self.root / LOCKS / f"{name}-{key}"

    def _compute(self, stage: Stage) -> Path:
        folder = self.folder(stage)
        discard(folder)  # one without its manifest
        draft = folder.with_name(f".{folder.name}{PARTIAL}")
        _clear(draft, resumable=stage.resumable)
        draft.mkdir(parents=True, exist_ok=True)
        try:
            seconds = self._timed(partial(stage.compute, draft))
        except BaseException as error:
            self._give_up(draft, resumable=stage.resumable)
            if isinstance(error, OSError) and error.errno and error.filename is None:
                raise OSError(error.errno, error.strerror, str(folder)) from error
            raise
        files = sorted(p for p in draft.rglob("*") if p.is_file() and p.name != MANIFEST)
        manifest: Manifest = {
            "schema": 1,
            "stage": stage.name,
            "digest": stage.digest,
            "identity": stage.identity,
            "inputs": stage.inputs,
            "extent": None if stage.extent is None else stage.extent(),
            "files": {p.relative_to(draft).as_posix(): sha256(p) for p in files},
            "seconds": round(seconds, 3),
            "libraries": library_versions(),
        }
        write_atomically(draft / MANIFEST, json.dumps(manifest, indent=1).encode())
        draft.replace(folder)
        self.computed.add(stage.digest)
        return folder

    def _give_up(self, draft: Path, resumable: bool) -> None:
        """Keep what can be resumed of an interrupted attempt; remove the rest and empty folders."""
        if not resumable:
            shutil.rmtree(draft, ignore_errors=True)
        inside = draft.relative_to(self.root).parents
        _prune(draft, *(self.root / folder for folder in inside))

    def _timed(self, compute: Callable[[], None]) -> float:
        """Seconds of a stage alone: those that it computes in passing count as their own."""
        start, before = time.perf_counter(), self._spent
        compute()
        took = time.perf_counter() - start
        others, self._spent = self._spent - before, before + took
        return took - others

    def _verify(self, folder: Path) -> Manifest:
        """Manifest of an artifact; its files are hashed once a process, and again if touched."""
        manifest = read_manifest(folder)
        state = tuple(state_of(folder / name, folder) for name in manifest["files"])
        if self._verified.get(folder) != state:
            check(folder, manifest)
            self._verified[folder] = state
        return manifest


def discard(folder: Path) -> None:
    """Remove what lies under an artifact's name; an interruption leaves nothing half there."""
    if not os.path.lexists(folder):
        return
    gone = folder.with_name(f".{folder.name}{REMOVED}")
    _remove(gone)
    folder.replace(gone)
    _remove(gone)


def _prune(*folders: Path) -> None:
    """Remove folders that are empty, each if those before it are gone."""
    for folder in folders:
        if folder.exists():
            try:
                folder.rmdir()
            except OSError:  # not empty
                return


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _say_waiting(stage: Stage) -> None:
    _say(f"waiting for another process that computes {stage.name} {stage.digest[:8]}")


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _clear(partial: Path, resumable: bool) -> None:
    """Remove an interrupted attempt or, if it can be resumed, only its half-written files."""
    if not partial.exists():
        return
    if not resumable:
        shutil.rmtree(partial)
        return
    for draft in [*partial.rglob(".*")]:
        _remove(draft)
