"""Learn a score on finished runs of one's own: ``python -m taggant.pipeline.learn RUN ... FILE``.

Each run shows a model, images that it was trained on, and which of their versions was published. A
small network of the answers to a version's views learns to put that version first. Another run asks
by it: ``score=learned score.statistic.weights=FILE``, with the views of the runs that it was
learned on. It must not be the audit of the same marks, which is refused.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from taggant.groups import compose_config
from taggant.marking.draws import VIEWS
from taggant.pipeline.context import RunContext
from taggant.pipeline.device import placed
from taggant.pipeline.instance_run import InstanceRun
from taggant.pipeline.kinds import run_from_context
from taggant.score import Oracle
from taggant.score.learned import FEATURES, features, keep, learn

HIDDEN = 31
"""Hidden versions of an image that the published one is compared with."""
LOSS = "taggant.score.membership.loss"
AT_ONCE = 64
"""Images whose versions are made together."""


def opened(folder: Path, root: Path) -> InstanceRun:
    """A finished run of one's own, with its models and marks; what its config names is made.

    Parameters
    ----------
    folder : Path
        Of the run.
    root : Path
        With the store and the secrets, as ``paths.root``.

    Raises
    ------
    FileNotFoundError
        If it is none.
    ValueError
        If its audit or its score is of another kind, or the code has changed since.
    """
    config = json.loads((folder / "config.json").read_text())
    record = json.loads((folder / "result.json").read_text())
    paths = compose_config([f"paths.root={root}"]).paths
    cfg = OmegaConf.create({**config, "paths": paths, "progress": False, "logger": {}})
    run = run_from_context(RunContext.from_config(cfg))
    if not isinstance(run, InstanceRun):
        raise ValueError(f"{folder}: no audit of single images, accepted is audit=instance")
    for name, stage in (("mark", run.mark.stage), ("train", run.train.stage)):
        if record["stages"][name]["digest"] != stage.digest or not run.store.has(stage):
            raise ValueError(
                f"{folder}: its {name} is no longer there, or the code has changed since; run it "
                "again first"
            )
    score = run.scores.score
    chosen = cfg.score.statistic._target_
    if chosen != LOSS or score.views < 2:
        raise ValueError(
            f"{folder}: score.views = {score.views}, {chosen}; a score is learned from 2 or more "
            "views that were chosen by the log-confidence (score=loss score.views=8)"
        )
    return run


def examples(run: InstanceRun, title: str) -> Tensor:
    """Features of versions of the images that a run's model was trained on, published ones first.

    Returns
    -------
    Tensor, float32 [I, 1 + hidden, K, FEATURES]
    """
    instances, score = run.mark.instances, run.scores.score
    victim, device = placed(run.train.final(), str(run.context.cfg.trainer.accelerator))
    oracle = Oracle.of(run.scores.audit, victim, score.access, device)
    asking = replace(score, statistic=features, average=None)
    targets = score.targets(victim, instances.raw)
    used = np.flatnonzero(instances.published.used)
    parts = np.array_split(used, -(-len(used) // AT_ONCE))
    found = []
    for rows in track(parts, title, transient=True, disable=not sys.stdout.isatty()):
        chosen = torch.from_numpy(rows)
        raw, own = instances.raw.images[chosen], targets[chosen]
        draws = [instances.draws[row] for row in rows]
        views = score.views_of(oracle, raw, own, [one.seed(VIEWS) for one in draws])
        versions = instances.scheme.versions(
            [one.secret for one in draws],
            raw,
            [instances.raw.ids[row] for row in rows],
            _versions(run, rows),
            own,
        )
        repeated = partial(torch.repeat_interleave, repeats=versions.shape[1], dim=0)
        asked = asking.of_many(oracle, versions.flatten(0, 1), repeated(own), repeated(views))
        found.append(torch.from_numpy(asked).view(*versions.shape[:2], score.views, FEATURES))
    return torch.cat(found)


def _versions(run: InstanceRun, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The published version's index of each image, and some hidden ones' [I, 1 + hidden]."""
    n = run.mark.scheme.n
    own = run.mark.instances.ledger.indices([run.mark.instances.raw.ids[row] for row in rows])
    steps = [np.random.default_rng(row).permutation(n - 1)[:HIDDEN] + 1 for row in rows.tolist()]
    return np.concatenate([own[:, None], (own[:, None] + np.stack(steps)) % n], axis=1)


def first(scores: Tensor) -> float:
    """Share of images whose published version has the largest score, of scores [I, n]."""
    return float((scores[:, :1] > scores[:, 1:]).all(1).double().mean())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m taggant.pipeline.learn", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("run", type=Path, nargs="+", help="folder of a finished run")
    parser.add_argument("file", type=Path, help="to write, ending in .safetensors")
    root = Path(os.environ.get("TAGGANT_ROOT", "."))
    parser.add_argument("--root", type=Path, default=root, help="folder of the store and secrets")
    options = parser.parse_args(arguments)
    try:
        runs = [opened(folder, options.root) for folder in options.run]
        shown = [examples(run, run_at.name) for run, run_at in zip(runs, options.run, strict=True)]
        keep(learn(shown), [run.mark.stage.digest for run in runs], options.file)
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    Console().print(_left_out(options.run, shown))
    return 0


def _left_out(folders: Sequence[Path], shown: Sequence[Tensor]) -> Table:
    """What a score learned on the other runs finds in each."""
    table = Table("run", "published version first", "by the mean log-confidence", "by chance")
    for number, own in enumerate(shown):
        others = [*shown[:number], *shown[number + 1 :]]
        found = f"{first(learn(others)(own)):.3f}" if others else "(no other run)"
        plain = first(own[..., 1].double().mean(-1))
        table.add_row(
            "/".join(folders[number].parts[-2:]), found, f"{plain:.3f}", f"{1 / own.shape[1]:.3f}"
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
