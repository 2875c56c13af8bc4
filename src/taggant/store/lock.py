"""A lock between processes that leaves nothing behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from taggant.store import flock

PATIENCE = 1.0
"""Seconds to wait before saying so."""
POLL = 0.02


@contextmanager
def locked(path: Path, waiting: Callable[[], None], shared: bool = False) -> Iterator[None]:
    """Hold a lock on a file, which is there only as long as anyone wants the lock.

    The system drops the lock when its process ends, however it ends; the next holder then finds
    the file, and removes it.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    waiting : callable
        Called once if another process holds the lock for more than a second; what it raises ends
        the wait.
    shared : bool
        Others may share it; else the lock is held alone.

    Raises
    ------
    OSError
        If the file system gives no locks, naming the file.
    """
    handle = _acquire(path, waiting, shared)
    try:
        yield
    finally:
        _let_go(handle, path, shared)


def clear(folder: Path) -> None:
    """Remove the files of locks that nobody holds: their processes were killed."""
    for path in folder.glob("*"):
        try:
            handle = os.open(path, os.O_RDWR)
        except (FileNotFoundError, PermissionError):  # gone meanwhile, or another person's
            continue
        if _try(handle, path) and _same(handle, path):
            _let_go(handle, path, shared=False)
        else:
            os.close(handle)


def _acquire(path: Path, waiting: Callable[[], None], shared: bool) -> int:
    start = time.monotonic()
    warned = False
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # another process has removed the empty folder
            continue
        # A file that its last holder removed meanwhile guards nothing: open the new one.
        if _try(handle, path, shared) and _same(handle, path):
            return handle
        os.close(handle)
        if not warned and time.monotonic() - start > PATIENCE:
            warned = True
            waiting()
        time.sleep(POLL)


def _let_go(handle: int, path: Path, shared: bool) -> None:
    """Close the file, and remove it if nobody else wants the lock."""
    if flock.REMOVED_WHEN_CLOSED:
        os.close(handle)
        with suppress(FileNotFoundError, PermissionError):  # another process has it open
            path.unlink()
        return
    if not shared or _try(handle, path):  # who shares it with nobody is the last
        path.unlink(missing_ok=True)
    os.close(handle)


def _try(handle: int, path: Path, shared: bool = False) -> bool:
    try:
        return flock.lock(handle, shared)
    except OSError as error:
        os.close(handle)
        raise OSError(
            error.errno,
            f"no lock to be had ({error.strerror}): this file system has no flock; choose a folder "
            "on another one, or mount it with locks",
            str(path),
        ) from error


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
