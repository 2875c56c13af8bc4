"""What the benches share: a stopwatch, what they ran on, tables."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import torch
from rich.console import Console
from rich.table import Table

from taggant.pipeline.device import native_bfloat16

Done = TypeVar("Done")
PACKAGES = ("torch", "torchvision", "pytorch-lightning", "numpy", "scipy")


def timed(action: Callable[[], Done]) -> tuple[float, Done]:
    """Wall-clock seconds of an action, with all that it started on a GPU, and what it returns."""
    _wait()
    start = time.perf_counter()
    done = action()
    _wait()
    return time.perf_counter() - start, done


def seconds(action: Callable[[], object]) -> float:
    """Wall-clock time of an action, with all that it started on a GPU."""
    return timed(action)[0]


def in_turns(sides: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """What each side says, `repeats` times; each time another side goes first."""
    said: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for turn in range(repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            said[name].append(sides[name]())
    return said


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median of the ratios of what was measured in the same turn."""
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def environment(device: str) -> dict[str, dict[str, Any]]:
    """Versions and hardware, for a bench's JSON."""
    versions = {name: version(name) for name in PACKAGES}
    return {
        "versions": versions | {"python": platform.python_version()},
        "hardware": {
            "device": torch.cuda.get_device_name() if device == "cuda" else _cpu(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "load": os.getloadavg()[0],
        },
    }


def precisions(device: str) -> tuple[str, ...]:
    """float32, and bfloat16 where the device computes in it: emulated, it is many times slower."""
    native = native_bfloat16(torch.device(device))
    return ("float32", "bfloat16") if native else ("float32",)


def _cpu() -> str:
    """Architecture, and the widest instructions that torch uses on it."""
    return f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"


def show(
    tables: Mapping[str, Callable[[], Iterable[Mapping[str, Any]]]],
    facts: Mapping[str, Any],
    path: Path | None = None,
) -> None:
    """Make one table after the other, print each; write rows as they come, and the facts, as JSON
    too: of a bench that is stopped they are there."""
    console, made = Console(), dict(facts)
    console.print(facts)
    for title, make in tables.items():
        made[title] = []
        for row in make():
            made[title].append(row)
            if path is not None:
                path.write_text(json.dumps(made, indent=1))
        console.print(_table(title, made[title]))


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    drawn = Table(*columns, title=title)
    for row in rows:
        cells = (row.get(key) for key in columns)
        drawn.add_row(*(f"{c:.4g}" if isinstance(c, float) else str(c or "") for c in cells))
    return drawn


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
