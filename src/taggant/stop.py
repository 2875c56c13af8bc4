"""Signals that ask a process to end: said in one line, with an exit status that says so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
    """A signal came. No `Exception`, so that nothing on the way takes it for a failure.

    Attributes
    ----------
    where : str or None
        Where the same command goes on, as far as whoever was at work knows.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.where: str | None = None

    @property
    def status(self) -> int:
        """The exit status that shells give a process ended by this signal."""
        return 128 + self.number

    def __str__(self) -> str:
        return f"stopped; the same command goes on from {self.where or 'where it was'}"


@contextmanager
def going_on_from(where: str) -> Iterator[None]:
    """Note in a `Stopped` from inside where the same command goes on, unless it says so already."""
    try:
        yield
    except Stopped as stop:
        stop.where = stop.where or where
        raise


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` in the main thread when SIGTERM or SIGINT comes; a second one ends at once.

    A signal that is ignored, or that somebody else handles, stays theirs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    plain = (signal.SIG_DFL, signal.default_int_handler)
    ours = [number for number, handler in before.items() if handler in plain]
    for number in ours:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


def _stop(number: int, _: FrameType | None) -> NoReturn:
    for asked in SIGNALS:
        signal.signal(asked, signal.SIG_DFL)
    raise Stopped(number)
