"""Progress bars for long work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@contextmanager
def rounds(title: str, total: int, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Progress of an audit: yields a function of (instances finished, queries so far)."""
    if not shown:  # a disabled bar of rich < 14.3 prints an empty line
        yield lambda finished, queries: None
        return
    columns = (
        TextColumn("audit {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("instances  {task.fields[queries]:,} queries"),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task(title, total=total, queries=0, rate=0.0)

        def update(finished: int, queries: int) -> None:
            rate = queries / max(bar.tasks[task].elapsed or 0.0, 1e-9)
            bar.update(task, completed=finished, queries=queries, rate=rate)

        yield update
