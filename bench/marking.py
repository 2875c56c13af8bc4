"""Time marking: every scheme beside a loop that marks one image at a time for 90 steps.

    python bench/marking.py [--device cpu] [--marker trained] [--small] [--json FILE]

The loop is written in the style of the reference codes: batch size 1, an optimiser object, one
forward and one backward pass a step; unlike them it loads the network once. Times are wall
clock, in this process, loop and scheme one after the other; marks made before are forgotten
first, and the network is warm. The three tables:

* radioactive: images/s of the scheme, by images optimised together (lanes) and precision, beside
  a loop that takes the same steps on one image at a time in float32; in turns, medians;

* publishing: seconds to make one version of each image (twins: both);
* hidden versions: milliseconds per version of one image when all n are made, and how far they
  move features along their own direction, so that `feature` and `jacobian` can be compared at
  equal displacement.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from torch import Tensor

from common import environment, in_turns, precisions, ratio, seconds, show
from taggant.data import emoji
from taggant.data.imageset import ImageSet
from taggant.groups import compose_config
from taggant.marking.marker import Marker
from taggant.marking.n_version import NVersion, Sign
from taggant.marking.quality import quality
from taggant.marking.radioactive import Radioactive
from taggant.marking.strategies.feature import Feature
from taggant.marking.strategies.jacobian import Jacobian
from taggant.marking.strategies.maxmin import MaxMin
from taggant.marking.stream import derive, gaussians
from taggant.marking.twins import Twins
from taggant.marking.windows import RandomCrop

SECRET = bytes(32)
EPSILON, STEPS = 10, 90
SIZES: dict[str, dict[str, Any]] = {
    "small": {"radioactive": (8, 2, (8,), 1), "publishing": 4, "hidden": 20},
    "cpu": {"radioactive": (64, 8, (16, 64), 3), "publishing": 32, "hidden": 1000},
    "cuda": {"radioactive": (256, 4, (16, 256), 2), "publishing": 32, "hidden": 1000},
}
"""Images of the scheme and of the loop, lanes, repeats; images; versions."""


def one_by_one(marker: Marker, data: ImageSet) -> None:
    """Radioactive marks by the same steps as the scheme's, one image after the other."""
    scheme = Radioactive(marker)
    unit = marker.unit(data.images.device)
    place, generator = RandomCrop(), np.random.default_rng(0)
    for image, label in zip(data.images, data.labels.tolist(), strict=True):
        raw = image[None].float()
        with torch.no_grad():
            original = marker(raw)
        carrier = scheme.carriers(SECRET, 0, [label], original.shape[1]).to(raw.device)
        delta = torch.zeros_like(raw).requires_grad_()
        optimizer = torch.optim.SGD([delta], lr=scheme.lr)
        for step in range(1, STEPS + 1):
            window = torch.from_numpy(place(generator.random((1, place.uniforms)))).to(raw.device)
            optimizer.zero_grad()
            features = marker(raw + delta * unit, window)
            scheme.loss(features, original, carrier, delta).sum().backward()
            optimizer.step()
            with torch.no_grad():
                delta.copy_((delta * unit).clamp(-EPSILON, EPSILON) / unit)
                if step % 10 == 0:
                    delta.copy_(((raw + delta * unit).round().clamp(0, 255) - raw) / unit)


def radioactive(
    marker: Marker, data: ImageSet, few: int, lanes: tuple[int, ...], repeats: int
) -> list[dict[str, Any]]:
    """Images/s of the batched scheme and of the loop, at equal steps."""
    index = np.zeros((len(data), 1), np.int64)
    sides: dict[str, Any] = {}
    facts: dict[str, dict[str, Any]] = {}
    for precision in precisions(data.images.device.type):
        own = dataclasses.replace(marker, precision=precision, _lanes={})
        for count in lanes:
            scheme = Radioactive(own, lanes=count, memory=0)
            mark = partial(
                scheme.versions, [SECRET] * len(data.ids), data.images, data.ids, index, data.labels
            )
            agree = own.lanes_agree(count, data.images[0])
            name = f"{count} lanes, {precision}"
            sides[name] = lambda mark=mark: len(data) / seconds(mark)
            facts[name] = {"precision": precision, "lanes": count if agree else 1}
    first = data.select(range(few))
    one_by_one(marker, first.select(range(1)))
    sides["loop"] = lambda: few / seconds(lambda: one_by_one(marker, first))
    speeds = in_turns(sides, repeats)
    return [
        {"side": name, **facts.get(name, {"precision": "float32", "lanes": 1})}
        | {"images/s": median(own), "times the loop": ratio(own, speeds["loop"])}
        for name, own in speeds.items()
    ]


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
        scheme.versions([SECRET], data.images[:1], data.ids[:1], index[:1], data.labels[:1])
        fresh = [f"{i}/again" for i in data.ids]
        made: list[Tensor] = []
        taken = seconds(
            lambda scheme=scheme, fresh=fresh, index=index, made=made: made.append(
                scheme.versions([SECRET] * len(fresh), data.images, fresh, index, data.labels)[:, 0]
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
                        s([SECRET], x[None], [i], j[None], e)[0]
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--marker", default="trained", help="a file of conf/marking/marker")
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cfg = compose_config([f"marking/marker={options.marker}", "paths.root=."])
    marker: Marker = instantiate(cfg.marking.marker)
    sizes = SIZES["small" if options.small else options.device]
    many, *rest = sizes["radioactive"]
    data = emoji.load(labels="subcategory").train.select(range(many))
    data = dataclasses.replace(data, images=data.images.to(options.device))
    facts = {"marker": dict(marker.parameters()), **environment(options.device)}
    tables = {
        "radioactive": lambda: radioactive(marker, data, *rest),
        "publishing one version of each image": lambda: publishing(
            marker, data.select(range(sizes["publishing"]))
        ),
        "hidden versions of one image": lambda: hidden(
            marker, data.select(range(4)), sizes["hidden"]
        ),
    }
    show(tables, facts, options.json)


if __name__ == "__main__":
    main()
