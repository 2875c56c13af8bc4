"""Where the commands say what they did."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

console = Console(soft_wrap=True, highlight=False)


def note(text: str, style: str | None = None) -> None:
    """Print a line as it is: what stands in brackets is no mark-up."""
    console.print(text, markup=False, style=style)


class ByteProgress:
    """A bar of bytes done, on terminals only; called with (bytes done, bytes of all)."""

    def __init__(self, title: str) -> None:
        columns = TextColumn(title), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        self._bar = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        )
        self._task = self._bar.add_task(title, total=None, start=False)

    def __enter__(self) -> ByteProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        self._bar.start_task(self._task)
        self._bar.update(self._task, completed=done, total=total)
