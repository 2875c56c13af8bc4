"""What lies in a store: listing, checking, and clearing away what no run needs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taggant.store.lock import busy
from taggant.store.store import MANIFEST, PARTIAL, Store, StoreError, check, read_manifest


@dataclass(frozen=True)
class Record:
    """One artifact: its folder and its manifest."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return str(self.manifest["stage"])

    @property
    def digest(self) -> str:
        """Identity digest."""
        return str(self.manifest["digest"])

    @property
    def inputs(self) -> list[tuple[str, str]]:
        """(stage, digest) of what it was made from."""
        return [(name, key) for name, key in self.manifest["inputs"]]

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return size(self.path)


def records(root: Path) -> list[Record]:
    """Every artifact of a store, by stage and digest.

    Raises
    ------
    StoreError
        If a manifest is damaged, naming it.
    """
    found = [*root.glob(f"*/[!.]*/{MANIFEST}"), *root.glob(f"*/[!.]*/[!.]*/{MANIFEST}")]
    return [Record(path.parent, read_manifest(path)) for path in sorted(found)]


def damage(record: Record) -> str | None:
    """What is wrong with an artifact's files; None if nothing is."""
    try:
        check(record.path, record.manifest)
    except StoreError as error:
        return str(error)
    return None


def size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def collect(root: Path, runs: Path, remove: bool) -> list[tuple[Path, int]]:
    """Find, and remove if asked, what no run folder under `runs` was made from.

    Also found are interrupted attempts that no process works on, and readings of a model that a
    longer one replaces. An artifact that is being computed, and what it is computed from, is
    never touched.

    Returns
    -------
    list of (Path, int)
        Folders and their sizes in bytes.
    """
    found = records(root)
    needed = _needed(found, runs)
    idle = [path for path in root.glob(f"**/.*{PARTIAL}") if not _busy(root, path)]
    if len(idle) < len(list(root.glob(f"**/.*{PARTIAL}"))):
        needed |= {record.digest for record in found}  # a run is under way: keep what is finished
    unused = [record.path for record in found if record.digest not in needed]
    sized = [(path, size(path)) for path in [*idle, *unused]]
    for path, _ in sized if remove else ():
        shutil.rmtree(path)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    return sized


def _needed(found: list[Record], runs: Path) -> set[str]:
    """Digests of the artifacts that finished runs name, and of all that these were made from."""
    inputs: dict[str, list[str]] = {}
    for record in found:
        inputs.setdefault(record.digest, []).extend(key for _, key in record.inputs)
    named = [
        stage["digest"]
        for path in runs.rglob("result.json")
        for stage in json.loads(path.read_text())["stages"].values()
    ]
    needed: set[str] = set()
    while named:
        key = named.pop()
        if key not in needed:
            needed.add(key)
            named += inputs.get(key, [])
    reports = {r.digest for r in found if r.stage == "report" and needed & {k for _, k in r.inputs}}
    return needed | reports


def _busy(root: Path, partial: Path) -> bool:
    """Whether a process holds the lock of an unfinished attempt."""
    parts = partial.relative_to(root).parts
    key = parts[1] if len(parts) > 2 else partial.name[1 : -len(PARTIAL)]
    return busy(Store(root).lock(parts[0], key))
