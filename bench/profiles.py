"""Where the time goes: one audit, and three epochs of training, under torch.profiler.

    python bench/profiles.py [--device cpu] [--small] [--json FILE]

Each row is an operation and its share of the wall-clock time, its callees not counted; the last
row is what no operation accounts for: Python, Lightning, and on a GPU the host's waiting. A
profiler slows what it watches, so these are shares, not speeds: for those see the other benches.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

import audit
import training
from common import environment, seconds, show
from taggant.data import emoji
from taggant.pipeline.run import quiet_libraries
from taggant.stats import optimal

ROWS = 8
REST = "no operation"


def shares(action: Callable[[], object], device: str) -> list[dict[str, Any]]:
    """The operations that take longest, and what none of them accounts for."""
    gpu = device == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    action()
    with profile(activities=activities) as watched:
        wall = seconds(action)
    of = "self_device_time_total" if gpu else "self_cpu_time_total"
    taken = [(event.key, getattr(event, of) / 1e6, event.count) for event in watched.key_averages()]
    taken.sort(key=lambda row: row[1], reverse=True)
    rows = [{"operation": key, "share": s / wall, "calls": n} for key, s, n in taken[:ROWS]]
    others = {"operation": "other operations", "share": sum(s for _, s, _ in taken[ROWS:]) / wall}
    rest = {"operation": REST, "share": 1 - sum(s for _, s, _ in taken) / wall}
    return [*rows, others, rest]


def one_audit(net: Any, device: str, count: int, n: int) -> Callable[[], object]:
    """An audit of `count` images with the optimal test."""
    victim = audit.Victim(net).to(device).eval()
    chosen = audit.instances(audit.Sign(8), count, n, device)

    def run() -> None:
        oracle = audit.Oracle(victim, audit.MARGIN.access, audit.BATCH[device], device)
        audit.read(oracle, audit.MARGIN, chosen, [optimal(n, audit.P)])

    return run


def epochs(net: Any, device: str, images: int) -> Callable[[], object]:
    """Three epochs by Lightning."""
    data = emoji.load(labels="subcategory").train.select(range(images))
    return lambda: training.lightning(training.victim(net, data, 50, 3), data, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    quiet_libraries()
    device, (count, n, images) = (
        options.device,
        (4, 40, 100) if options.small else (128, 1000, 1000),
    )
    tables = {}
    for title, net in audit.NETS.items():
        work = {"audit": one_audit(net, device, count, n), "training": epochs(net, device, images)}
        for name, action in work.items():
            tables[f"{name}, {title}"] = partial(shares, action, device)
    show(tables, environment(device), options.json)


if __name__ == "__main__":
    main()
