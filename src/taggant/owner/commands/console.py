"""Where the commands say what they did, and ask: a terminal, or who listens instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

console = Console(soft_wrap=True, highlight=False)


class Listener(Protocol):
    """Hears a command in place of the terminal."""

    def say(self, text: str) -> None:
        """Take a line."""

    def progress(self, done: int, total: int) -> None:
        """Take how far the command is."""

    def ask(self, question: str) -> bool:
        """Answer yes or no."""


_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """What commands say in this thread goes to a listener."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


def note(text: str, style: str | None = None) -> None:
    """Say a line as it is: what stands in brackets is no mark-up."""
    listener = _LISTENER.get()
    if listener is None:
        console.print(text, markup=False, style=style)
    else:
        listener.say(text)


def confirm(question: str) -> bool:
    """Whether the answer is yes."""
    listener = _LISTENER.get()
    return typer.confirm(question) if listener is None else listener.ask(question)


def note_progress(text: str, done: int, total: int) -> None:
    """Say how far a command is: a line on a terminal."""
    listener = _LISTENER.get()
    if listener is None:
        note(text, style="dim")
    else:
        listener.progress(done, total)


class ByteProgress:
    """Bars of bytes done, on terminals only, one a stage."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
        )
        self._listener = _LISTENER.get()  # also for calls from other threads
        shown = console.is_terminal and self._listener is None
        self._bars = Progress(*columns, console=console, transient=True, disable=not shown)

    def __enter__(self) -> ByteProgress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def stage(self, title: str) -> Callable[[int, int], None]:
        """A bar, which is told the bytes done, and of all."""
        if self._listener is not None:
            return self._listener.progress
        task = self._bars.add_task(title, total=None, visible=False)
        return lambda done, total: self._bars.update(
            task, completed=done, total=total, visible=True
        )
