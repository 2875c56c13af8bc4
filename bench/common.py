"""What the benches share: a stopwatch, what they ran on, tables."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table


def seconds(action: Callable[[], object]) -> float:
    """Wall-clock time of an action, with all that it started on a GPU."""
    _wait()
    start = time.perf_counter()
    action()
    _wait()
    return time.perf_counter() - start


def environment(device: str) -> dict[str, dict[str, Any]]:
    """Versions and hardware, for a bench's JSON."""
    gpu = device == "cuda"
    return {
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "hardware": {
            "device": torch.cuda.get_device_name() if gpu else platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "load": os.getloadavg()[0],
        },
    }


def show(
    tables: Mapping[str, Callable[[], Sequence[Mapping[str, Any]]]],
    facts: Mapping[str, Any],
    path: Path | None = None,
) -> None:
    """Make one table after the other, print each; write all and the facts as JSON too."""
    console, made = Console(), dict(facts)
    console.print(facts)
    for title, make in tables.items():
        made[title] = make()
        console.print(_table(title, made[title]))
        if path is not None:
            path.write_text(json.dumps(made, indent=1))


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
