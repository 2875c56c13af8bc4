"""What a training that hides use takes, beside the same victim's without: CPU time, by turns.

    python bench/defences.py PHOTOS [--json FILE] [--small]

Each row of `experiments/defences/bench` that trains something: the victim and what stands before or
behind it (`train` and `deploy`), one thread, divided by the plain training that ran just before.
PHOTOS is a folder of class folders, in which `--small` takes a few. Images and marks are made once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from common import environment, show
from taggant.groups import compose_config, options_of
from taggant.pipeline.audit_run import AuditRun
from taggant.pipeline.context import RunContext
from taggant.pipeline.kinds import run_from_context
from taggant.pipeline.run import quiet_libraries

FOLDER = "defences/"
APART = ("_base", "answers_", "membership_")
"""Beginnings of those that are no rows of the bench."""
PLAIN = ("+experiment=defences/deployed", "defence=none")
SMALL = ("victim.epochs=2", "data.train=60", "data.test=20", "marking.used=20", "marking.unused=20")


def rows_to_train() -> Iterator[tuple[str, tuple[str, ...]]]:
    """What a row is called, and its overrides."""
    for option in options_of("experiment"):
        name = option.removeprefix(FOLDER)
        if name == option or name.startswith(APART):
            continue
        experiment = f"+experiment={option}"
        params = compose_config([experiment], with_hydra=True).hydra.sweeper.params
        for key, values in params.items():
            for value in str(values).split(",") if key != "seed" else ():
                yield f"{key}={value}", (experiment, f"{key}={value}")


def run_of(overrides: Sequence[str]) -> AuditRun:
    """A run whose images are marked."""
    run = run_from_context(RunContext.from_config(compose_config(list(overrides))))
    run.store.get(run.mark.stage)
    return run


def cpu_seconds(run: AuditRun, known: Mapping[str, float]) -> dict[str, float]:
    """CPU time of each stage that makes a model, by its digest, made anew if it is not known."""
    taken = {}
    for stage in run.model_stages.values():
        if stage.digest not in known:
            shutil.rmtree(run.store.folder(stage), ignore_errors=True)
        start = time.process_time()
        run.store.get(stage)
        taken[stage.digest] = known.get(stage.digest, time.process_time() - start)
    return taken


def compared(common: Sequence[str]) -> list[dict[str, object]]:
    """CPU time of each training, and how many times the plain one's just before."""
    bare = run_of((*PLAIN, *common))
    cpu_seconds(bare, {})  # to warm up
    plain = cpu_seconds(bare, {})
    rows: list[dict[str, object]] = []
    for name, overrides in rows_to_train():
        run = run_of((*overrides, *common))
        if run.train.stage.digest not in plain:
            plain = cpu_seconds(bare, {})
        taken, beside = sum(cpu_seconds(run, plain).values()), sum(plain.values())
        rows.append({"training": name, "CPU s": taken, "times the plain one": taken / beside})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--small", action="store_true", help="only see that it runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    quiet_libraries()
    common = [f"data.root={options.photos}", "seed=0", "progress=false"]
    common += SMALL if options.small else ()
    with TemporaryDirectory() as folder:
        common += [f"paths.store={folder}", f"paths.secrets={folder}"]
        show({"trainings": lambda: compared(common)}, environment("cpu"), options.json)


if __name__ == "__main__":
    main()
