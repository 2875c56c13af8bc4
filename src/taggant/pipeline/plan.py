"""What would run, what is already there, and how long it may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from rich.table import Table

from taggant.configs import Plain
from taggant.numbers import duration
from taggant.pipeline.audit_run import AuditRun
from taggant.store.identity import digest
from taggant.store.store import Stage, Store
from taggant.store.upkeep import survey

NO_WORK = ("name", "secret", "seed", "simulated", "sources")
"""Keys of an identity that do not change how long its stage takes."""


def plan(runs: Sequence[AuditRun]) -> Table:
    """A table of the stages of one run or of a sweep, each once however many runs share it."""
    store = runs[0].store if runs else None
    names: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    jobs: dict[str, int] = {}
    for run in runs:
        run.fits()
        own = {**run.stages, "report": run.report.stage}
        found = {stage.digest: stage for stage in own.values()} | _needed(run.report.stage)
        titles = {stage.digest: name for name, stage in own.items()}
        for key, stage in found.items():
            names.setdefault(key, titles.get(key, stage.name))
            stages.setdefault(key, stage)
            jobs[key] = jobs.get(key, 0) + 1
    wanted = _to_run(store, [run.report.stage for run in runs]) if store else set()
    past = Past(store) if store else None
    total = 0.0
    table = Table("stage", "digest", "reads", "jobs", "state", "estimate")
    for key, stage in stages.items():
        assert store is not None
        state = "to run" if key in wanted else "stored" if store.has(stage) else "not needed"
        seconds = past.estimate(stage) if past and key in wanted else 0.0
        total += seconds or 0.0
        reads = " ".join(need.digest[:8] for need in stage.needs)
        time = duration(seconds) if key in wanted else ""
        table.add_row(names[key], key[:8], reads, str(jobs[key]), state, time)
    table.caption = f"{len(runs)} runs, {len(wanted)} of {len(stages)} stages to run"
    table.caption += f", about {duration(total)} where times are known"
    return table


class Past:
    """How long the stages in a store took.

    Alike are stages of one config, seeds aside, that rest on stages that are alike: one at
    n = 40 says nothing of n = 10**6.
    """

    def __init__(self, store: Store) -> None:
        manifests = [record.manifest for record in survey(store.root).records]
        self._by_digest = {manifest["digest"]: manifest for manifest in manifests}
        self._took: dict[str, list[float]] = {}
        for manifest in manifests:
            work = digest([self._kind(manifest), manifest["extent"]])
            self._took.setdefault(work, []).append(manifest["seconds"])

    def estimate(self, stage: Stage) -> float | None:
        """Mean seconds of the stored stages alike; None if there are none."""
        extent = None if stage.extent is None else stage.extent()
        took = self._took.get(digest([_kind_of(stage), extent]))
        return None if took is None else mean(took)

    def _kind(self, manifest: Plain | None) -> str:
        if manifest is None:  # removed from the store since
            return ""
        needs = [self._kind(self._by_digest.get(key)) for _, key in manifest["inputs"]]
        return _kind(manifest["stage"], manifest["identity"], needs)


def _kind_of(stage: Stage) -> str:
    return _kind(stage.name, stage.identity, [_kind_of(need) for need in stage.needs])


def _kind(name: str, identity: Plain, needs: Sequence[str]) -> str:
    """Digest of what decides how long a stage takes."""
    counted = {key: value for key, value in identity.items() if key not in NO_WORK}
    return digest([name, _seedless(counted), *needs])


def _seedless(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _seedless(inner) for key, inner in value.items() if key != "seed"}
    return value


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
