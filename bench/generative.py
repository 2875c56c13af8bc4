"""What a version costs that a diffusion model is asked about, beside a classifier.

    python bench/generative.py [--json FILE] [--small]

CPU time a version, one thread, by turns in this process: medians of some turns. The classifier is
`victim=classifier` at width 16, the diffusion model `victim=diffusion` with `score=denoising`; both
untrained, which plays no part in the time. Versions are made beforehand.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from hydra.utils import instantiate

from common import environment, in_turns, ratio, show
from taggant.groups import compose_config
from taggant.score import Oracle

FACTS = {"classes": 10, "channels": 3, "image_size": 32, "mean": (0.5,) * 3, "std": (0.25,) * 3}
KINDS = {
    "classifier, margin": ("victim=classifier", "victim.width=16", "score=margin"),
    "diffusion, denoising": ("victim=diffusion", "score=denoising"),
    "diffusion, proximal": ("victim=diffusion", "score=proximal"),
    "diffusion, inversion": ("victim=diffusion", "score=inversion"),
    "diffusion, image to image": ("victim=diffusion", "score=image_to_image"),
}


def asked(overrides: tuple[str, ...], rows: int) -> Callable[[], object]:
    """What asks a fresh victim about so many versions at once."""
    config = compose_config(list(overrides))
    victim = instantiate(config.victim, _convert_="all", **FACTS).eval()
    score = instantiate(config.score).prepared(victim, None)
    oracle = Oracle(victim, score.access, batch_size=rows)
    images = torch.randint(256, (rows, 3, 32, 32), dtype=torch.uint8)
    labels, views = torch.zeros(rows, dtype=torch.int64), score.draw_views([0] * rows)
    return lambda: score(oracle, images, labels, views)


def cpu_seconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def rows_of(turns: int, rows: int) -> list[dict[str, object]]:
    """CPU time a version, and how many times the classifier's, by turns."""
    actions = {name: asked(overrides, rows) for name, overrides in KINDS.items()}
    sides = {name: partial(cpu_seconds, action) for name, action in actions.items()}
    in_turns(sides, 1)  # to warm up
    taken = in_turns(sides, turns)
    first = next(iter(taken.values()))
    return [
        {
            "asked": name,
            "CPU ms a version": 1e3 * median(times) / rows,
            "times the classifier": ratio(times, first),
        }
        for name, times in taken.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--small", action="store_true", help="only see that it runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    size = (1, 16) if options.small else (5, 128)
    show({"a version": partial(rows_of, *size)}, environment("cpu"), options.json)


if __name__ == "__main__":
    main()
