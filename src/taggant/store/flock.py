"""Locks on open files, shared or held alone, on every system."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

HOLDERS = 256
"""Processes that can share a lock where it is one of bytes."""
Locking = Callable[[int, int, int], None]
"""As ``msvcrt.locking``: a file's handle, what to do, how many bytes from where the file stands."""


def lock_bytes(handle: int, shared: bool, locking: Locking, take: int, free: int) -> bool:
    """Lock a file where the system only locks bytes, each for one handle alone (Windows).

    Who shares the lock holds one of `HOLDERS` bytes, who has it alone holds all.

    Parameters
    ----------
    handle : int
        May hold the lock shared already; then that is given up first.
    shared : bool
    locking : callable
        See `Locking`.
    take, free : int
        What `locking` is told to do; taking does not wait.

    Returns
    -------
    bool
        Whether it was taken.
    """
    _each(handle, locking, free, range(HOLDERS), 1)
    if shared:
        return _each(handle, locking, take, range(HOLDERS), 1, first=True)
    return _each(handle, locking, take, [0], HOLDERS)


def _each(
    handle: int,
    locking: Locking,
    what: int,
    places: range | list[int],
    count: int,
    first: bool = False,
) -> bool:
    """Lock or free bytes at some places; `first`: only until that succeeds once."""
    done = False
    for place in places:
        os.lseek(handle, place, os.SEEK_SET)
        try:
            locking(handle, what, count)
        except OSError:
            continue
        done = True
        if first:
            break
    return done


if sys.platform == "win32":
    import msvcrt

    REMOVED_WHEN_CLOSED = True

    def lock(handle: int, shared: bool) -> bool:
        """Take a lock without waiting; whether it was taken."""
        return lock_bytes(handle, shared, msvcrt.locking, msvcrt.LK_NBLCK, msvcrt.LK_UNLCK)

else:
    import fcntl

    REMOVED_WHEN_CLOSED = False
    """Whether an open file cannot be removed, so that one that can is wanted by nobody."""

    def lock(handle: int, shared: bool) -> bool:
        """Take a lock without waiting; whether it was taken. A file system may raise OSError."""
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
