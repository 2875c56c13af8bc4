"""Where the commands say what they did."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

console = Console(soft_wrap=True, highlight=False)


def note(text: str, style: str | None = None) -> None:
    """Print a line as it is: what stands in brackets is no mark-up."""
    console.print(text, markup=False, style=style)


class ByteProgress:
    """Bars of bytes done, on terminals only, one a stage."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        )

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
        task = self._bars.add_task(title, total=None, visible=False)
        return lambda done, total: self._bars.update(
            task, completed=done, total=total, visible=True
        )
