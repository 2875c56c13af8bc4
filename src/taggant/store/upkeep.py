"""What lies in a store: listing, checking, and clearing away what no run needs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from taggant.store.lock import locked
from taggant.store.manifest import MANIFEST, Manifest, StoreError, check, read_manifest
from taggant.store.store import PARTIAL, REMOVED, Store, discard

RESULT = "result.json"
HIDDEN = "."


@dataclass(frozen=True)
class Record:
    """One artifact: its folder and its manifest."""

    path: Path
    manifest: Manifest

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return self.manifest["stage"]

    @property
    def digest(self) -> str:
        """Identity digest."""
        return self.manifest["digest"]

    @property
    def inputs(self) -> list[tuple[str, str]]:
        """(stage, digest) of what it was made from."""
        return [(name, key) for name, key in self.manifest["inputs"]]

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return size(self.path)


@dataclass(frozen=True)
class Survey:
    """What lies in a store.

    Attributes
    ----------
    records : list of Record
        Every artifact whose manifest can be read, by stage and digest.
    unreadable : list of str
        What is wrong with each of the others, naming it.
    """

    records: list[Record]
    unreadable: list[str]


def survey(root: Path, stage: str = "*") -> Survey:
    """Every artifact of a store, or of one stage."""
    found = [_record(folder) for folder in _artifacts(root, stage)]
    return Survey(
        [record for record in found if isinstance(record, Record)],
        [wrong for wrong in found if isinstance(wrong, str)],
    )


def _record(folder: Path) -> Record | str:
    try:
        return Record(folder, read_manifest(folder))
    except StoreError as error:
        return str(error)


def damage(record: Record) -> str | None:
    """What is wrong with an artifact; None if nothing is."""
    try:
        check(record.path, record.manifest)
    except StoreError as error:
        return str(error)
    return None


def size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def collect(root: Path, runs: Path, remove: bool) -> list[tuple[Path, int]]:
    """Find, and remove if asked, what no run folder under `runs` was made from.

    Also found are interrupted attempts, and readings of a model that a longer one replaces. Marker
    networks that no run trained, but the owner's tool, stay: what was marked with them needs them.

    Returns
    -------
    list of (Path, int)
        Folders and their sizes in bytes.

    Raises
    ------
    StoreError
        If an artifact or the record of a run cannot be read, since what they need cannot be known;
        if there are no runs; if something is to be removed while a run uses the store.
    """
    if not remove:
        return _unneeded(root, runs)
    with locked(Store(root).users, _refuse):
        found = _unneeded(root, runs)
        for path, _ in found:
            discard(path)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
    return found


def _refuse() -> None:
    raise StoreError("a run uses this store: nothing is removed while it goes on")


def _unneeded(root: Path, runs: Path) -> list[tuple[Path, int]]:
    there = survey(root)
    if there.unreadable:
        raise StoreError(
            "what these were made from cannot be known, so nothing is removed:\n  "
            + "\n  ".join(there.unreadable)
        )
    needed = _needed(there.records, _named(runs))
    unused = [record.path for record in there.records if record.digest not in needed]
    return [(path, size(path)) for path in [*_left_over(root), *unused]]


def _left_over(root: Path) -> list[Path]:
    """Interrupted attempts and interrupted removals."""
    below = [path for places in ("*", "*/[!.]*") for path in root.glob(f"{places}/.*")]
    return sorted(path for path in below if path.suffix in (PARTIAL, REMOVED))


def _needed(found: Sequence[Record], named: Sequence[str]) -> set[str]:
    """Digests of the artifacts that runs name, and of all that these were made from."""
    inputs: dict[str, list[str]] = {}
    for record in found:
        inputs.setdefault(record.digest, []).extend(key for _, key in record.inputs)
    waiting = [*named, *(r.digest for r in found if r.stage == "marker" and not r.inputs)]
    needed: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key not in needed:
            needed.add(key)
            waiting += inputs.get(key, [])
    reports = {r.digest for r in found if r.stage == "report" and needed & {k for _, k in r.inputs}}
    return needed | reports


def _named(runs: Path) -> list[str]:
    """Digests of the stages that finished runs name."""
    if not runs.is_dir():
        raise StoreError(f"--runs {runs}: no such folder, and all that lies in the store would go")
    found = {path: _stages(path) for path in _results(runs)}
    unreadable = [f"{path} ({wrong})" for path, wrong in found.items() if isinstance(wrong, str)]
    if unreadable:
        raise StoreError(
            "what these runs were made from cannot be known, so nothing is removed; mend these "
            "records, or move them away:\n  " + "\n  ".join(unreadable)
        )
    if not found:
        raise StoreError(
            f"--runs {runs}: no finished run (no {RESULT}), and all that lies in the store would "
            "go; if that is meant, remove the store's own folder"
        )
    return [key for keys in found.values() for key in keys]


def _stages(path: Path) -> list[str] | str:
    """Digests of the stages that a record names; or what is wrong with it."""
    try:
        keys = [stage["digest"] for stage in json.loads(path.read_bytes())["stages"].values()]
    except OSError as error:
        return str(error.strerror)
    except (ValueError, RecursionError) as error:
        return str(error)
    except (LookupError, TypeError, AttributeError):
        return "no record of a run"
    return keys if keys and all(map(_is_digest, keys)) else "no record of a run"


def _results(runs: Path) -> Iterator[Path]:
    """Records of runs at any depth; links to folders are followed, each folder once."""
    seen: set[str] = set()
    for folder, inner, files in os.walk(runs, followlinks=True, onerror=_unlisted):
        inner[:] = [name for name in inner if not _known(os.path.join(folder, name), seen)]  # noqa: PTH118
        if RESULT in files:
            yield Path(folder, RESULT)


def _known(folder: str, seen: set[str]) -> bool:
    real = os.path.realpath(folder)
    known = real in seen
    seen.add(real)
    return known


def _unlisted(error: OSError) -> None:
    raise StoreError(f"{error.filename} cannot be read ({error.strerror}): nothing is removed")


def _artifacts(root: Path, stage: str) -> Iterator[Path]:
    """Folders of artifacts: ``<stage>/<digest>``, with a folder for each extent where there are."""
    for folder in sorted(root.glob(f"{stage}/[!.]*")):
        if folder.parent.name.startswith(HIDDEN) or not folder.is_dir():
            continue
        inside = sorted(folder.iterdir())
        visible = [path for path in inside if not path.name.startswith(HIDDEN)]
        extents = [path for path in visible if _is_digest(path.name)]
        if (folder / MANIFEST).exists() or (visible and not extents) or not inside:
            yield folder
        else:
            yield from extents


def _is_digest(name: object) -> bool:
    return isinstance(name, str) and len(name) == 32 and not set(name) - set("0123456789abcdef")
