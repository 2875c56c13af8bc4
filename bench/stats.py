"""Time the statistics and print their exact operating characteristics beside the papers' test.

    python bench/stats.py [--json FILE]

Times are the best of a few runs in this process, one thread; the first run is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scipy
from rich.console import Console
from rich.table import Table
from scipy.special import betaln

from taggant import stats
from taggant.stats import NULL, Beta, stopping
from taggant.stats.alternatives import log_choose

MEANS = (0.001, 0.005, 0.01, 0.05)


def best_of(runs: int, action: Callable[[], object]) -> float:
    action()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def full_grid_pprm(bits: np.ndarray, p: float) -> int:
    """Straightforward pprm: after every read, the posterior of every count 0..N; reads until it
    claims. Vectorised over counts, in logs; no boundary is precomputed."""
    N = bits.size
    counts = np.arange(N + 1)
    tau = int(p / 2 * (N + 1)) - 1
    log_prior = -np.log(N + 1)
    s = 0
    for t in range(1, N + 1):
        s += int(bits[t - 1])
        rest = counts - s  # Beta-binomial posterior of what is left among N - t
        log_posterior = log_choose(N - t, rest)
        inside = (rest >= 0) & (rest <= N - t)
        log_posterior[inside] += betaln(1 + counts[inside], 1 + N - counts[inside]) - betaln(
            1 + s, 1 + t - s
        )
        kept = counts[log_prior - log_posterior < np.log(2 / p)]
        if kept.max() <= tau:
            return t
    return N


def anew(n: int, p: float) -> stats.Boundary:
    """The test, solved and not remembered."""
    stopping._solved.cache_clear()
    return stats.optimal(n, p)


def time_builds() -> list[tuple[str, float, str]]:
    rows = []
    for p in (0.05, 0.01, 0.001):
        seconds = best_of(3, lambda p=p: anew(1000, p))
        rows.append((f"optimal(n=1000, p={p:g})", seconds, "< 1 s wanted at p = 0.05"))
    for p in (0.05, 0.01, 0.001):
        seconds = best_of(1, lambda p=p: anew(100_000, p))
        rows.append((f"optimal(n=100000, p={p:g})", seconds, "< 60 s wanted"))
    return rows


def time_runs() -> list[tuple[str, float, str]]:
    rng = np.random.default_rng(0)
    rows = []
    for label, q in (("T = 0", 0.0), ("q = 0.02", 0.02), ("unused", None)):
        rate = rng.random((100_000, 1), dtype=np.float32) if q is None else np.float32(q)
        bits = rng.random((100_000, 999), dtype=np.float32) < rate
        for name, boundary in (
            ("rank", stats.rank(1000, 0.05)),
            ("pprm", stats.pprm(1000, 0.05)),
            ("optimal", stats.optimal(1000, 0.05)),
        ):
            boundary.size()
            seconds = best_of(3, lambda boundary=boundary, bits=bits: boundary.run(bits))
            rows.append((f"run, 100,000 x 999, {name}, {label}", seconds, "< 1 s wanted"))
    return rows


def time_against_full_grid() -> list[tuple[str, float, str]]:
    bits = np.random.default_rng(0).random((10_000, 999)) < 0.01
    boundary = stats.pprm(1000, 0.05)
    boundary.size()
    few = bits[:5]
    expected = [full_grid_pprm(row, 0.05) for row in few]
    if expected != boundary.run(few).read.tolist():
        raise AssertionError("the full-grid reference and the boundary disagree")
    slow = best_of(1, lambda: [full_grid_pprm(row, 0.05) for row in few]) / len(few)
    fast = best_of(3, lambda: boundary.run(bits)) / len(bits)
    build = best_of(3, lambda: stats.pprm(1000, 0.05))
    return [
        ("pprm(n=1000), boundary built once", build, ""),
        ("pprm, one audit, full grid after each read", slow, "reference"),
        ("pprm, one audit, boundary", fast, f"{slow / fast:,.0f} times faster"),
        ("pprm, one audit, build included", build + fast, f"{slow / (build + fast):,.0f} times"),
    ]


def characteristics(n: int = 1000) -> list[dict[str, object]]:
    rows = []
    for p in (0.05, 0.01):
        for name, boundary in {
            "optimal": stats.optimal(n, p),
            "pprm": stats.pprm(n, p),
            "pprm, futility stop": stats.pprm(n, p, futility=True),
            "pprm, alpha1 = p/10": stats.pprm(n, p, split=0.1),
            "pprm, alpha1 = p/10, futility stop": stats.pprm(n, p, split=0.1, futility=True),
            "rank, curtailed": stats.rank(n, p, curtailed=True),
            "besag_clifford, h = 2": stats.besag_clifford(n, p),
        }.items():
            laws = [NULL, *(Beta.with_mean(m) for m in MEANS)]
            rows.append(
                {
                    "p": p,
                    "test": name,
                    "power": [boundary.power(law) for law in laws],
                    "reads": [boundary.expected_queries(law) for law in laws],
                }
            )
    return rows


def ratios(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """How many times fewer hidden versions `optimal` reads: unused, and the worst used mean."""
    found = []
    for p in (0.05, 0.01):
        ours, *others = (row for row in rows if row["p"] == p)
        for row in others:
            times = np.array(row["reads"]) / np.array(ours["reads"])
            power = np.array(ours["power"]) - np.array(row["power"])
            found.append(
                {
                    "p": p,
                    "against": row["test"],
                    "unused": float(times[0]),
                    "used, weakest": float(times[1:].min()),
                    "power difference, weakest": float(power[1:].min()),
                }
            )
    return found


def show(console: Console, title: str, columns: list[str], rows: list[list[str]]) -> None:
    table = Table(title=title)
    for k, column in enumerate(columns):
        table.add_column(column, justify="left" if k == 0 else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def hardware() -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    console = Console(width=110)
    builds = time_builds()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    builds.append(("peak memory so far, GiB (n = 100000: < 2)", memory, "GiB"))
    times = [*builds, *time_runs(), *time_against_full_grid()]
    cells = [
        [name, f"{value:.3g}" if value > 1e-3 else f"{value:.2e}", n] for name, value, n in times
    ]
    show(console, "Seconds", ["what", "value", ""], cells)
    rows = characteristics()
    columns = ["test", "not used", *(f"m = {m:.1%}" for m in MEANS)]
    cells = [
        [f"p = {row['p']}: {row['test']}"]
        + [f"{a:.3f} / {b:.1f}" for a, b in zip(row["power"], row["reads"], strict=True)]
        for row in rows
    ]
    show(console, "Claim probability / hidden versions read, n = 1000, exact", columns, cells)
    weakest = ratios(rows)
    columns = ["against", "unused", "used, weakest", "power difference, weakest"]
    cells = [
        [
            f"p = {r['p']}: {r['against']}",
            f"{r['unused']:.2f}",
            f"{r['used, weakest']:.2f}",
            f"{r['power difference, weakest']:+.1e}",
        ]
        for r in weakest
    ]
    show(console, "Reads saved by optimal (times fewer)", columns, cells)
    if options.json is not None:
        content = {
            "hardware": hardware(),
            "times": [{"what": a, "value": b, "note": c} for a, b, c in times],
            "characteristics": rows,
            "ratios": weakest,
        }
        options.json.write_text(json.dumps(content, indent=1) + "\n")
        console.print(f"Wrote {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
