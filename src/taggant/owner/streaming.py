"""Work on many files side by side, a few at a time: what is held in memory is bounded."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")

IN_FLIGHT = 80 << 20
"""Bytes of pixels that are worked on at once; a larger picture is alone."""
MOST_WORKERS = 8


def streamed(
    work: Callable[[Item], Done], items: Iterable[Item], size: Callable[[Item], int]
) -> Iterator[Done]:
    """What `work` makes of each item, in order; by threads, of which each has an item of its own.

    Parameters
    ----------
    work : callable
        Spends its time in libraries that let other threads run.
    items : iterable
    size : callable
        Bytes of pixels of an item.
    """
    running: deque[tuple[int, Future[Done]]] = deque()
    held, count = 0, workers()
    with ThreadPoolExecutor(count) as pool:
        try:
            for item in items:
                cost = size(item)
                while running and (held + cost > IN_FLIGHT or len(running) > count):
                    done, future = running.popleft()
                    held -= done
                    yield future.result()
                running.append((cost, pool.submit(work, item)))
                held += cost
            while running:
                yield running.popleft()[1].result()
        finally:
            for _, future in running:
                future.cancel()


def workers() -> int:
    """Threads that work side by side: one a core that this process may use."""
    here = getattr(os, "sched_getaffinity", None)
    cores = len(here(0)) if here is not None else os.cpu_count() or 1
    return min(MOST_WORKERS, cores)
