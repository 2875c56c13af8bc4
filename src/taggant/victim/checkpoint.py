"""Checkpoints of unfinished trainings, with checksums: a damaged one is never gone on from."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from taggant.files import sha256, write_atomically

RESUME = "resume.ckpt"
BESIDE = "files"
"""Under which key a checkpoint holds the digests of the weights beside it."""


class DamagedError(RuntimeError):
    """A checkpoint, or weights beside it, are not what was written."""


class ChecksummedCheckpoints(TorchCheckpointIO):
    """Writes checkpoints that begin with the SHA-256 of what follows.

    Each also holds the SHA-256 of the files of weights in its folder.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Path, int], str] = {}

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None
    ) -> None:
        """Write in one piece, and beside the file: never through the system's temporary folder."""
        beside = {file.name: self._sha256(file) for file in _weights(Path(path).parent)}
        buffer = io.BytesIO()
        torch.save({**checkpoint, BESIDE: beside}, buffer)
        content = buffer.getvalue()
        write_atomically(Path(path), f"{hashlib.sha256(content).hexdigest()}\n".encode() + content)

    def load_checkpoint(self, path: str | Path, *_: object, **__: object) -> dict[str, Any]:
        """See `read`."""
        return read(Path(path))

    def _sha256(self, path: Path) -> str:
        key = path, path.stat().st_mtime_ns
        if key not in self._known:
            self._known[key] = sha256(path)
        return self._known[key]


def read(path: Path) -> dict[str, Any]:
    """A checkpoint that `ChecksummedCheckpoints` wrote, on the CPU.

    Raises
    ------
    DamagedError
        If its SHA-256 is another one than it begins with.
    """
    checksum, _, content = path.read_bytes().partition(b"\n")
    if checksum != hashlib.sha256(content).hexdigest().encode():
        raise DamagedError(f"{path} is damaged")
    checkpoint: dict[str, Any] = torch.load(io.BytesIO(content), "cpu", weights_only=True)
    return checkpoint


def resumable_checkpoint(folder: Path) -> Path | None:
    """The checkpoint from which a training in a folder can go on; none if there is none.

    If it, or a file of weights in the folder, is damaged, it is removed with a warning.
    """
    path = folder / RESUME
    if not path.exists():
        return None
    try:
        for name, expected in read(path)[BESIDE].items():
            if not (folder / name).exists() or sha256(folder / name) != expected:
                raise DamagedError(f"{folder / name} is damaged or missing")
    except DamagedError as error:
        warnings.warn(f"{error}: its training begins again", stacklevel=2)
        path.unlink()
        return None
    return path


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.safetensors"))
