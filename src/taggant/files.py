"""Files that are either whole or absent."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path


def write_atomically(
    path: Path,
    content: bytes | Iterable[bytes | memoryview],
    mode: int = 0o666,
    durable: bool = False,
) -> None:
    """Write `content` beside `path` and rename it into place.

    A reader, or a run killed half-way, sees the old file or the new one, never a part.

    Parameters
    ----------
    path : Path
    content : bytes or iterable of bytes
        Whole, or in parts that are made when their turn comes.
    mode : int
        The file's rights, before the umask takes its share; 0o600 for secrets.
    durable : bool
        Whether the file's name is on the disk as well before this returns, so that nothing that is
        written later outlives it when the power fails.

    Raises
    ------
    OSError
        If it cannot be written (no room, no right), naming the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(path, [content] if isinstance(content, bytes) else content, mode)
    except OSError as error:  # which names the draft, or nothing where the disk is full
        raise OSError(error.errno, error.strerror, str(path)) from error
    if durable:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        with contextlib.suppress(OSError):  # some network file systems sync none
            os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, content: Iterable[bytes | memoryview], mode: int) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
