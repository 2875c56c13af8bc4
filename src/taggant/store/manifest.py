"""Manifests: what an artifact was computed from, and the SHA-256 of each of its files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict, cast

from taggant.files import sha256
from taggant.store.identity import digest

MANIFEST = "manifest.json"
TYPES: dict[str, type | tuple[type, ...]] = {
    "stage": str,
    "digest": str,
    "identity": dict,
    "inputs": list,
    "files": dict,
    "seconds": (int, float),
}


class _Optional(TypedDict, total=False):
    schema: int
    extent: Mapping[str, object] | None
    libraries: Mapping[str, str]


class Manifest(_Optional):
    """What an artifact was computed from, and the SHA-256 of each of its files."""

    stage: str
    digest: str
    identity: Mapping[str, object]
    inputs: list[list[str]]
    files: Mapping[str, str]
    seconds: float


class StoreError(RuntimeError):
    """An artifact is not what its manifest says, or the store is not to be touched now."""


def identity_digest(
    stage: str, inputs: Sequence[Sequence[str]], identity: Mapping[str, object]
) -> str:
    """What a stage's artifact is found by, 32 hex digits.

    Parameters
    ----------
    stage : str
        Its name.
    inputs : sequence of (str, str)
        Name and digest of each stage that it reads.
    identity : mapping
        All else that its outcome depends on.
    """
    return digest({"stage": stage, "inputs": inputs, **identity})


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact's folder.

    Raises
    ------
    StoreError
        If it is missing, cannot be read or is none, naming it.
    """
    path = folder / MANIFEST
    again = f"remove {folder} to compute it again"
    try:
        manifest = json.loads(path.read_bytes(), parse_constant=_refuse)
    except FileNotFoundError:
        raise StoreError(f"{path} is missing, as if somebody began to remove it; {again}") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is damaged ({error}); {again}") from error
    if wrong := _wrong(manifest):
        raise StoreError(f"{path} is damaged ({wrong}); {again}")
    return cast(Manifest, manifest)


def check(folder: Path, manifest: Manifest) -> None:
    """Compare an artifact with its manifest: its place, what it was computed from, its files.

    Raises
    ------
    StoreError
        Naming what is missing or differs.
    """
    _check_place(folder, manifest)
    for name, expected in manifest["files"].items():
        state_of(folder / name, folder)
        try:
            found = sha256(folder / name)
        except OSError as error:
            raise StoreError(f"{folder / name} cannot be read ({error.strerror})") from error
        if found != expected:
            raise StoreError(
                f"{folder / name} was changed after it was stored (its SHA-256 is not the "
                f"manifest's); remove {folder} to compute it again"
            )


def state_of(path: Path, folder: Path) -> tuple[int, int, int]:
    """What changes when a file of an artifact is touched.

    Raises
    ------
    StoreError
        If it is missing.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise StoreError(
            f"{path} is missing ({error.strerror}); remove {folder} to compute it again"
        ) from None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _check_place(folder: Path, manifest: Manifest) -> None:
    """Compare the folder's name with what the manifest says lies there."""
    stage, key = manifest["stage"], manifest["digest"]
    if identity_digest(stage, manifest["inputs"], manifest["identity"]) != key:
        raise StoreError(
            f"{folder / MANIFEST} was changed after it was stored (its digest is not that of what "
            f"it lists); remove {folder} to compute it again"
        )
    extent = manifest.get("extent")
    own = [stage, key] if extent is None else [stage, key, digest(extent)]
    if list(folder.absolute().parts[-len(own) :]) != own:
        raise StoreError(
            f"{folder} holds what belongs to {'/'.join(own)}: it was copied or moved there; remove "
            "it to compute it again"
        )


def _wrong(manifest: object) -> str | None:
    """Why this is no manifest; None if it is one."""
    if not isinstance(manifest, dict):
        return f"it holds a {type(manifest).__name__}, no object"
    for key, kind in TYPES.items():
        if not isinstance(manifest.get(key), kind):
            return f"its {key!r} is {manifest.get(key)!r:.80}"
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in manifest["inputs"]):
        return "its 'inputs' are no pairs"
    texts = [*manifest["files"].values(), *(part for pair in manifest["inputs"] for part in pair)]
    if not all(isinstance(text, str) for text in texts):
        return "its 'files' or 'inputs' are no text"
    return None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
