"""What would run, what is already there, and how long it may take."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, median

from rich.table import Table

from taggant.pipeline.line import Line
from taggant.report.numbers import duration
from taggant.store.store import Stage, Store


def plan(lines: Sequence[Line]) -> Table:
    """The stage graph of one run or of a whole sweep, shared stages once."""
    store = lines[0].store if lines else None
    names: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    jobs: dict[str, int] = {}
    for line in lines:
        line.fits()
        own = {**line.stages, "report": line.report.stage}
        found = {stage.digest: stage for stage in own.values()} | _needed(line.report.stage)
        titles = {stage.digest: name for name, stage in own.items()}
        for key, stage in found.items():
            names.setdefault(key, titles.get(key, stage.name))
            stages.setdefault(key, stage)
            jobs[key] = jobs.get(key, 0) + 1
    wanted = _to_run(store, [line.report.stage for line in lines]) if store else set()
    total = 0.0
    table = Table("stage", "digest", "reads", "jobs", "state", "estimate")
    for key, stage in stages.items():
        assert store is not None
        state = "to run" if key in wanted else "stored" if store.has(stage) else "not needed"
        seconds = estimate(store, stage) if key in wanted else 0.0
        total += seconds or 0.0
        reads = " ".join(need.digest[:8] for need in stage.needs)
        time = duration(seconds) if key in wanted else ""
        table.add_row(names[key], key[:8], reads, str(jobs[key]), state, time)
    table.caption = f"{len(lines)} runs, {len(wanted)} of {len(stages)} stages to run"
    table.caption += f", about {duration(total)} where times are known"
    return table


def estimate(store: Store, stage: Stage) -> float | None:
    """Seconds that a stage may take: as its like took, else the median of its kind, else None."""
    past = store.manifests(stage.name)
    config = stage.identity.get("config")
    alike = [m["seconds"] for m in past if m["identity"].get("config") == config]
    if alike:
        return float(mean(alike))
    return float(median(m["seconds"] for m in past)) if past else None


def _needed(end: Stage) -> dict[str, Stage]:
    """A stage and all that it rests on, by digest."""
    found: dict[str, Stage] = {}
    waiting = [end]
    while waiting:
        stage = waiting.pop()
        if stage.digest not in found:
            found[stage.digest] = stage
            waiting += stage.needs
    return found


def _to_run(store: Store, ends: Sequence[Stage]) -> set[str]:
    """Digests of the stages that must be computed to have `ends`."""
    wanted: set[str] = set()
    seen: set[str] = set()
    waiting = list(ends)
    while waiting:
        stage = waiting.pop()
        if stage.digest in seen:
            continue
        seen.add(stage.digest)
        if not store.has(stage):
            wanted.add(stage.digest)
            waiting += stage.needs
    return wanted
