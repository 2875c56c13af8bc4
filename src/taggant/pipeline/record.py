"""The record of a run, ``result.json``: what ran, what it took, what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping

from taggant.store.identity import digest
from taggant.store.store import Stage, Store


def record(name: str, store: Store, stages: Mapping[str, Stage]) -> dict[str, object]:
    """The record of a run whose stages are finished.

    Parameters
    ----------
    name : str
        Of the run.
    store : Store
    stages : mapping
        Every stage that has results, ``audit`` among them, by the name that it has in the record.
    """
    audit = store.get(stages["audit"]).path
    return {
        "schema": 1,
        "experiment": name,
        "digest": run_digest(stages),
        "stages": {title: _entry(store, stage) for title, stage in stages.items()},
        "code": _code(stages),
        "metrics": json.loads((audit / "metrics.json").read_text()),
    }


def run_digest(stages: Mapping[str, Stage]) -> str:
    """Digest of all stages, 32 hex digits: runs with the same one have the same results."""
    return digest([stage.digest for stage in stages.values()])


def _code(stages: Mapping[str, Stage]) -> dict[str, str]:
    """Digest of each module that the results depend on, to see later whether the code changed."""
    found: dict[str, str] = {}
    for stage in stages.values():
        for part in (stage, *stage.needs):
            found |= part.sources
    return dict(sorted(found.items()))


def _entry(store: Store, stage: Stage) -> dict[str, object]:
    manifest = store.manifest(stage)
    return {
        "digest": stage.digest,
        "seconds": None if manifest is None else manifest["seconds"],
        "cached": stage.digest not in store.computed,
    }
