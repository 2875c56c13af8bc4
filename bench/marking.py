"""Time marking: every scheme beside a loop that marks one image at a time for 90 steps.

    python bench/marking.py [--marker trained] [--images 32] [--versions 1000] [--json FILE]

The loop is written in the style of the reference codes: batch size 1, an optimiser object, one
forward and one backward pass a step; unlike them it loads the network once. Times are wall
clock, in this process, loop and scheme one after the other; marks made before are forgotten
first, and the network is warm. The two tables:

* publishing: seconds to make one version of each image (twins: both);
* hidden versions: milliseconds per version of one image when all n are made, and how far they
  move features along their own direction, so that `feature` and `jacobian` can be compared at
  equal displacement.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from rich.console import Console
from rich.table import Table
from torch import Tensor

from taggant.data import emoji
from taggant.data.imageset import ImageSet
from taggant.marking.marker import Marker
from taggant.marking.n_version import NVersion, Sign
from taggant.marking.quality import quality
from taggant.marking.radioactive import Radioactive
from taggant.marking.strategies.feature import Feature
from taggant.marking.strategies.jacobian import Jacobian
from taggant.marking.strategies.maxmin import MaxMin
from taggant.marking.stream import derive, gaussians
from taggant.marking.twins import Twins

SECRET = bytes(32)
EPSILON, STEPS = 10, 90
CONF = Path(__file__).resolve().parents[1] / "conf"


def seconds(action: Callable[[], object]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    action()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def loop(marker: Marker, images: Tensor, distance: Callable[[Tensor, Tensor], Tensor]) -> None:
    """One image at a time, 90 steps of plain SGD in normalised units, rounded every 10."""
    unit = marker.unit(images.device)
    for image in images:
        raw = image[None].float()
        delta = (torch.randn_like(raw) * EPSILON / unit).requires_grad_()
        optimizer = torch.optim.SGD([delta], lr=1.0)
        for step in range(1, STEPS + 1):
            optimizer.zero_grad()
            loss = -distance(raw, delta * unit)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                delta.copy_((delta * unit).clamp(-EPSILON, EPSILON) / unit)
                if step % 10 == 0:
                    delta.copy_(((raw + delta * unit).round().clamp(0, 255) - raw) / unit)


def loop_twins(marker: Marker, images: Tensor) -> None:
    loop(marker, images, lambda raw, d: (marker(raw + d) - marker(raw - d)).norm())


def loop_along(marker: Marker, images: Tensor) -> None:
    """Towards one carrier: what a version of `feature` or a radioactive image costs."""
    carrier = torch.randn(marker.dimension(images[0]), device=images.device)
    carrier /= carrier.norm()
    loop(marker, images, lambda raw, d: (marker(raw + d) - marker(raw)) @ carrier)


def publishing(marker: Marker, data: ImageSet) -> list[dict[str, Any]]:
    loops = {
        "twins": seconds(lambda: loop_twins(marker, data.images)) / len(data),
        "along": seconds(lambda: loop_along(marker, data.images)) / len(data),
    }
    schemes: list[tuple[str, Any, str]] = [
        ("sign", NVersion(1000, EPSILON, Sign(2)), "along"),
        ("jacobian, k 64", NVersion(1000, EPSILON, Jacobian(marker)), "along"),
        ("feature, 1 step", NVersion(1000, EPSILON, Feature(marker, 1)), "along"),
        ("feature, 4 steps", NVersion(1000, EPSILON, Feature(marker, 4)), "along"),
        ("feature, 90 steps, chunk 1", NVersion(1000, EPSILON, Feature(marker, 90, 1)), "along"),
        ("maxmin, 8 steps", NVersion(1000, EPSILON, MaxMin(marker)), "along"),
        ("twins, 90 steps", Twins(marker), "twins"),
        ("radioactive, 90 steps", Radioactive(marker), "along"),
    ]
    rows = []
    for name, scheme, reference in schemes:
        index = np.zeros((len(data), 1), np.int64)
        scheme.versions(SECRET, data.images[:1], data.ids[:1], index[:1], data.labels[:1])
        fresh = [f"{i}/again" for i in data.ids]
        made: list[Tensor] = []
        taken = seconds(
            lambda scheme=scheme, fresh=fresh, index=index, made=made: made.append(
                scheme.versions(SECRET, data.images, fresh, index, data.labels)[:, 0]
            )
        )
        each = taken / len(data)
        row = {"scheme": name, "seconds_per_image": each, "images_per_s": 1 / each}
        row["times_the_loop"] = loops[reference] / each
        rows.append(row | vars(quality(data.images, made[0])))
    for name, each in loops.items():
        row = {"scheme": f"loop, {name}, 90 steps", "seconds_per_image": each}
        rows.append(row | {"images_per_s": 1 / each, "times_the_loop": 1.0})
    return rows


def along(marker: Marker, raw: Tensor, versions: Tensor, directions: Tensor) -> float:
    """Mean <φ(x_i) - φ(x), u_i> with unit u_i."""
    parts = versions.float().split(64)
    shift = torch.cat([marker.features(part) for part in parts]) - marker.features(
        raw[None].float()
    )
    unit = directions / directions.norm(dim=1, keepdim=True)
    return float((shift * unit).sum(1).mean())


def hidden(marker: Marker, data: ImageSet, n: int) -> list[dict[str, Any]]:
    """All n versions of a few images; `feature` of 90 steps from fewer."""
    rows = []
    strategies: list[tuple[str, Any, int, int]] = [
        ("sign", Sign(2), EPSILON, n),
        ("jacobian, k 64", Jacobian(marker, 64), EPSILON, n),
        ("feature, 4 steps", Feature(marker, 4), EPSILON, min(n, 64)),
        ("feature, 90 steps", Feature(marker, STEPS), EPSILON, min(n, 16)),
    ]
    strategies += [
        (f"feature, 1 step, epsilon {epsilon}", Feature(marker, 1), epsilon, min(n, 64))
        for epsilon in (7, 8, 9, 10, 11)
    ]
    for name, strategy, epsilon, count in strategies:
        took, moved = [], []
        for image, image_id in zip(data.images, data.ids, strict=True):
            indices = np.arange(count)
            made: list[Tensor] = []
            took.append(
                seconds(
                    lambda s=strategy, x=image, i=image_id, j=indices, e=epsilon, m=made: m.append(
                        s(SECRET, x[None], [i], j[None], e)[0]
                    )
                )
                / count
            )
            if not isinstance(strategy, Sign):
                directions = _directions(strategy, image, image_id, indices)
                moved.append(along(marker, image, made[0], directions))
        row = {"strategy": name, "ms_per_version": 1e3 * float(np.median(took)), "made": count}
        rows.append(row | {"displacement": float(np.mean(moved)) if moved else None})
    return rows


def _directions(strategy: Any, image: Tensor, image_id: str, indices: np.ndarray) -> Tensor:
    """The direction of feature space that each version was pushed along."""
    if isinstance(strategy, Feature):
        return strategy.carriers(SECRET, image, image_id, indices)
    dimension = strategy.marker.dimension(image)
    sketch = gaussians(derive(SECRET, f"sketch/{image_id}"), np.arange(strategy.k), dimension)
    carriers = strategy.carriers(SECRET, image_id, indices)
    return (carriers @ torch.from_numpy(sketch)).to(image.device)


def table(title: str, rows: list[dict[str, Any]]) -> Table:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    drawn = Table(*columns, title=title)
    for row in rows:
        cells = (row.get(key) for key in columns)
        drawn.add_row(*(f"{c:.4g}" if isinstance(c, float) else str(c or "") for c in cells))
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--marker", default="trained", help="a file of conf/marking/marker")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--versions", type=int, default=1000)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        overrides = [f"marking/marker={options.marker}", "paths.root=."]
        cfg = compose("config", [*overrides, f"marking.marker.precision={options.precision}"])
    marker: Marker = instantiate(cfg.marking.marker)
    data = emoji.load(labels="subcategory").train.select(range(max(4, options.images)))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = dataclasses.replace(data, images=data.images.to(device))
    marker.parameters()
    result = {
        "publishing": publishing(marker, data),
        "hidden": hidden(marker, data.select(range(4)), options.versions),
        "marker": dict(marker.parameters()),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "hardware": {
            "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "load": os.getloadavg()[0],
        },
    }
    console = Console()
    console.print(table("publishing one version of each image", result["publishing"]))
    console.print(table("hidden versions of one image", result["hidden"]))
    console.print(result["marker"], result["versions"], result["hardware"])
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
