"""A content-addressed store of finished stages.

An artifact is a folder ``<stage>/<digest>`` with a manifest that lists the SHA-256 of every file.
It is written elsewhere and renamed when complete, so a killed run leaves none half-written; jobs
that need the same artifact at once compute it once.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from taggant.pipeline.digest import digest, library_versions
from taggant.pipeline.files import sha256, write_atomically

MANIFEST = "manifest.json"


class StoreError(RuntimeError):
    """An artifact is not what its manifest says."""


@dataclass(frozen=True)
class Stage:
    """One step of a run.

    Attributes
    ----------
    name : str
        data, mark, train, unlearn, score or audit.
    identity : mapping
        Everything the outcome depends on: resolved config, seed, digests of inputs. Plain values.
    compute : callable
        Writes the artifact's files into the folder it is given. The folder of an interrupted
        attempt is handed over again if `resumable`.
    resumable : bool
        Whether `compute` can go on from what an interrupted attempt left.
    """

    name: str
    identity: Mapping[str, Any]
    compute: Callable[[Path], None]
    resumable: bool = False

    @property
    def digest(self) -> str:
        """Identity digest, 32 hex digits."""
        return digest({"stage": self.name, **self.identity})


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

    def folder(self, stage: Stage) -> Path:
        """Where a stage's artifact lies or will lie."""
        return self.root / stage.name / stage.digest

    def has(self, stage: Stage) -> bool:
        """Whether a stage is finished."""
        return (self.folder(stage) / MANIFEST).exists()

    def get(self, stage: Stage) -> Artifact:
        """Return a stage's artifact, computing it if it is not there.

        Raises
        ------
        StoreError
            If a stored file's content is not what the manifest says, naming the file.
        """
        folder = self.folder(stage)
        if not self.has(stage):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / stage.name / f".{stage.digest}.lock"):
                if not self.has(stage):
                    return self._compute(stage, folder)
        return self._read(stage, folder)

    def _compute(self, stage: Stage, folder: Path) -> Artifact:
        partial = folder.with_name(f".{folder.name}.partial")
        if partial.exists() and not stage.resumable:
            shutil.rmtree(partial)
        partial.mkdir(exist_ok=True)
        start = time.perf_counter()
        stage.compute(partial)
        seconds = time.perf_counter() - start
        files = sorted(p for p in partial.rglob("*") if p.is_file() and p.name != MANIFEST)
        manifest = {
            "schema": 1,
            "stage": stage.name,
            "digest": stage.digest,
            "identity": stage.identity,
            "files": {str(p.relative_to(partial)): sha256(p) for p in files},
            "seconds": round(seconds, 3),
            "libraries": library_versions(),
        }
        write_atomically(partial / MANIFEST, json.dumps(manifest, indent=1, default=str).encode())
        partial.replace(folder)
        return Artifact(stage.name, stage.digest, folder, seconds, cached=False)

    def _read(self, stage: Stage, folder: Path) -> Artifact:
        manifest = json.loads((folder / MANIFEST).read_text())
        for name, expected in manifest["files"].items():
            path = folder / name
            if not path.exists():
                raise StoreError(f"{path} is missing; remove {folder} to compute it again")
            if sha256(path) != expected:
                raise StoreError(
                    f"{path} was changed after it was stored (its SHA-256 is not the manifest's); "
                    f"remove {folder} to compute it again"
                )
        return Artifact(stage.name, stage.digest, folder, manifest["seconds"], cached=True)
