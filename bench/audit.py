"""Time auditing: the engine beside the bare model, and beside a loop over single images.

    python bench/audit.py [--device cpu] [--small] [--json FILE]

Everything runs in this process, what is compared one after the other, again and again, and each
time another goes first; times are medians. Weights are random: an audit costs the same whatever a
model knows. The four tables:

* share: images/s of the engine, one query a version, whose versions are made on the way (`sign`,
  `jacobian`, with its backward passes) or lie in memory (`made`), and of the bare forward in
  batches of the same size and of the same precision: bfloat16 too where the device has it. The
  engine's own forwards, for its probe and its controls, count as time and not as images. The engine
  asks the model as it is, and compiled (``audit.compile``), which the bare forward never is;
* decisions: seconds per decided instance and images/s, K = 16 views, of the engine with the
  `optimal` test and with `pprm`, and of a loop in the style of the reference codes: `pprm`, batch
  size 1, K forwards one by one in float32, on versions that lie in memory;
* compiled: answers/s of a model as it is, and compiled by torch.compile (``audit.compile``), with
  weights as constants, on a GPU with CUDA graphs; and the seconds that compiling takes;
* memory: peak memory of marking and of auditing 32 instances against n, a process each.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common import environment, in_turns, precisions, ratio, seconds, show, timed
from taggant.auditing.engine import read
from taggant.data import emoji
from taggant.data.augment import CropFlip
from taggant.marking.instances import Instances
from taggant.marking.ledger import Ledger
from taggant.marking.marker import Backbone, Marker
from taggant.marking.n_version import NVersion, Sign
from taggant.marking.publish import publish, raw_sha256
from taggant.marking.scheme import Strategy
from taggant.marking.strategies.jacobian import Jacobian
from taggant.score import Oracle, Score, membership
from taggant.score.access import Full
from taggant.score.oracle import FROZEN
from taggant.stats import optimal, pprm
from taggant.victim.resnet9 import ResNet9
from taggant.victim.small_net import SmallNet
from taggant.victim.ssl.encoder import headless

P, VIEWS = 0.05, 16
BATCH = {"cpu": 128, "cuda": 4096}
CLASSES, SIDE = 99, 32
NETS = {"six convolutions, width 16": partial(SmallNet, width=16)}
NETS |= {"ResNet-9, width 32": partial(ResNet9, width=32)}
SIZES: dict[str, dict[str, Any]] = {
    "small": {"share": (4, 200, 1), "decisions": (8, 1, 40, 1), "memory": [100, 1000]},
    "cpu": {"share": (16, 1000, 3), "decisions": (16, 1, 200, 3), "memory": [100, 1000, 10**6]},
    "cuda": {
        "share": (128, 1000, 2),
        "decisions": (512, 2, 200, 2),
        "memory": [100, 1000, 10**6],
    },
}
"""Images, versions, repeats; images of the engine and of the loop, versions, repeats; versions."""
TESTS = {"optimal": optimal, "pprm": pprm}
LOOP = "loop, pprm"
BARE = ("bare", None)
MODES: dict[str, tuple[str | None, ...]] = {"cpu": (None, FROZEN), "cuda": (None,)}
"""Of ``audit.compile``, by device, of whole audits; and those that only answers are timed of."""
OTHER_MODES = {"cpu": "default", "cuda": "reduce-overhead"}
MARGIN = Score(membership.margin, Full())
VIEWED = Score(membership.margin, Full(), VIEWS, CropFlip())


class Victim(nn.Module):
    """A network behind the normalisation that every victim has."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = net(classes=CLASSES, channels=3, image_size=SIDE)
        self.net.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.float().div_(255).sub_(0.5).div_(0.25)
        return self.net(pixels.contiguous(memory_format=torch.channels_last))


@dataclass(frozen=True)
class Made(Strategy):
    """A strategy whose versions lie in memory, uint8 [images, n, C, H, W]."""

    rows: dict[str, int]
    versions: Tensor

    def __call__(
        self, secrets: Sequence[bytes], images: Tensor, ids: Any, indices: Any, epsilon: int
    ) -> Tensor:
        chosen = torch.tensor([self.rows[i] for i in ids])[:, None]
        return self.versions[chosen, torch.from_numpy(indices)].to(images.device)

    def parameters(self) -> dict[str, Any]:
        return {"made": True}


def instances(strategy: Any, count: int, n: int, device: str) -> Instances:
    raw = emoji.load(labels="subcategory").train.select(range(count))
    scheme = NVersion(n, 10, strategy or Sign(2))
    if strategy is None:
        indices = np.arange(n)[None]
        made = [
            scheme.versions([bytes(32)], image[None].to(device), [name], indices)[0]
            for name, image in zip(raw.ids, raw.images, strict=True)
        ]
        rows = {name: row for row, name in enumerate(raw.ids)}
        scheme = NVersion(n, 10, Made(rows, torch.stack(made)))
    parameters, digests = scheme.parameters(), raw_sha256(raw.images)
    ledger = Ledger.draw(bytes(32), "bench", parameters, n, raw.ids, digests)
    return Instances(raw, scheme, ledger, publish(scheme, ledger, raw, count // 2))


def marker() -> Marker:
    torch.manual_seed(1)
    net, _ = headless(SmallNet(width=16, classes=10, channels=3, image_size=SIDE), "net")
    return Marker(lambda: Backbone("bench", net, (0.5,) * 3, (0.25,) * 3))


def noise(device: str) -> Tensor:
    """A batch of images, uint8: how long an answer takes does not depend on what they show."""
    shape = (BATCH[device], 3, SIDE, SIDE)
    return torch.randint(256, shape, dtype=torch.uint8, device=device)


def bare(victim: nn.Module, batch: Tensor, precision: str, count: int) -> None:
    half = torch.autocast(batch.device.type, torch.bfloat16, enabled=precision == "bfloat16")
    with torch.inference_mode(), half:
        for _ in range(count):
            victim(batch).float().cpu()


def share(device: str, count: int, n: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Images/s of the engine and of the model alone."""
    strategies = {"made": None, "sign": Sign(2), "jacobian": Jacobian(marker())}
    sets = {name: instances(strategy, count, n, device) for name, strategy in strategies.items()}
    batch = noise(device)
    for (title, net), precision in product(NETS.items(), precisions(device)):
        victim = Victim(net).to(device).eval()
        bare(victim, batch, precision, 3)
        sides = {
            (name, mode): partial(engine_speed, oracle, chosen)
            for mode, oracle in asked(victim, batch, precision, MODES[device]).items()
            for name, chosen in sets.items()
        }
        alone = partial(bare_speed, victim, batch, precision, max(1, count * n // len(batch)))
        speeds = in_turns({**sides, BARE: alone}, repeats)
        own = speeds.pop(BARE)
        for (name, mode), each in speeds.items():
            row = {"net": title, "precision": precision, "versions": name, "compile": str(mode)}
            row |= {"bare images/s": median(own), "engine images/s": median(each)}
            yield row | {"share": ratio(each, own)}


def asked(
    victim: nn.Module, batch: Tensor, precision: str, modes: Sequence[str | None]
) -> dict[str | None, Oracle]:
    """The model as it is and compiled, each ready to answer."""
    oracles = {
        mode: Oracle(victim, MARGIN.access, len(batch), batch.device.type, precision, mode)
        for mode in modes
    }
    for oracle in oracles.values():
        oracle.query(batch)
    return oracles


def bare_speed(victim: nn.Module, batch: Tensor, precision: str, turns: int) -> float:
    return turns * len(batch) / seconds(lambda: bare(victim, batch, precision, turns))


def engine_speed(oracle: Oracle, chosen: Instances) -> float:
    fresh = anew(chosen)
    took, readings = timed(lambda: read(oracle, MARGIN, fresh))
    return readings.queries / took


def anew(chosen: Instances) -> Instances:
    """The same with nothing computed before: a network's sketches of images count as time."""
    strategy: Any = chosen.scheme.strategy
    return replace(chosen, scheme=replace(chosen.scheme, strategy=replace(strategy)))


def loop(victim: nn.Module, chosen: Instances, versions: Tensor, boundary: Any, device: str) -> int:
    """Decide instances one by one, image by image; how many images were asked."""
    asked = 0
    crop = VIEWED.augment
    assert crop is not None
    for i, (own, label) in enumerate(zip(versions, chosen.raw.labels, strict=True)):
        generator = torch.Generator().manual_seed(i)
        order = torch.randperm(len(own), generator=generator)
        scores: list[float] = []
        exceeded = 0
        for t, index in enumerate(order):
            confidences = []
            for _ in range(VIEWS):
                view = crop(own[index][None], generator).to(device)
                with torch.inference_mode():
                    confidences.append(victim(view)[0].softmax(0).cpu())
                asked += 1
            true = torch.stack([c[label].log() - (1 - c[label]).log() for c in confidences])
            scores.append(float(true.mean()))
            if t:
                exceeded += scores[-1] >= scores[0]
                if exceeded <= boundary.claim[t] or exceeded >= boundary.stop[t]:
                    break
    return asked


def decisions(device: str, count: int, few: int, n: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Seconds per decided instance of the engine and of the loop."""
    chosen, first = instances(Sign(2), count, n, device), instances(None, few, n, device)
    versions = first.scheme.strategy.versions.cpu()
    batch = noise(device)
    for title, net in NETS.items():
        victim = Victim(net).to(device).eval()
        images: dict[str, float] = {}

        def engine(
            side: str, test: str, oracle: Oracle, images: dict[str, float] = images
        ) -> float:
            until = [TESTS[test](n, P)]
            took, readings = timed(lambda: read(oracle, VIEWED, chosen, until))
            images[side] = readings.queries / count
            return took / count

        def one_by_one(victim: nn.Module = victim, images: dict[str, float] = images) -> float:
            took, asked_of = timed(lambda: loop(victim, first, versions, pprm(n, P), device))
            images[LOOP] = asked_of / few
            return took / few

        sides: dict[str, Any] = {LOOP: one_by_one}
        for precision in precisions(device):
            oracles = asked(victim, batch, precision, MODES[device])
            for test, (mode, oracle) in product(TESTS, oracles.items()):
                side = f"engine, {test}, {precision}, {mode or 'as it is'}"
                sides[side] = partial(engine, side, test, oracle)
        each = in_turns(sides, repeats)
        slowest = images[LOOP] / median(each[LOOP])
        for name, own in each.items():
            speed = images[name] / median(own)
            row = {"net": title, "side": name, "images/instance": images[name]}
            row |= {"s/instance": median(own), "times faster": ratio(each[LOOP], own)}
            yield row | {"images/s": speed, "times the images/s": speed / slowest}


def compiled(device: str, repeats: int) -> Iterator[dict[str, Any]]:
    """Answers/s of models that torch.compile made faster."""
    batch = noise(device)
    modes = (*MODES[device], OTHER_MODES[device])
    for (title, net), precision in product(NETS.items(), precisions(device)):
        victim = Victim(net).to(device).eval()
        took = {
            str(mode): seconds(partial(asked, victim, batch, precision, [mode])) for mode in modes
        }
        made = asked(victim, batch, precision, modes)
        sides = {str(mode): partial(answers_speed, oracle, batch) for mode, oracle in made.items()}
        speeds = in_turns(sides, repeats)
        for name, own in speeds.items():
            row = {"net": title, "precision": precision, "audit.compile": name}
            row |= {"answers/s": median(own), "times": ratio(own, speeds["None"])}
            yield row | {"first query s": took[name]}


def answers_speed(oracle: Oracle, batch: Tensor, turns: int = 20) -> float:
    return turns * len(batch) / seconds(lambda: [oracle.query(batch) for _ in range(turns)])


def memory(device: str, sizes: list[int]) -> list[dict[str, Any]]:
    """Peak memory against n, a process each."""
    rows = []
    for n in sizes:
        command = [sys.executable, __file__, "--device", device, "--probe", str(n)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    return rows


def probe(device: str, n: int) -> None:
    """Mark and audit once; peak memory of each, as JSON."""
    victim = Victim(next(iter(NETS.values()))).to(device).eval()
    row: dict[str, Any] = {"n": n}
    instances(Sign(2), 32, 20, device)
    row["start MB"] = peak(device)
    made: list[Instances] = []
    row["marking s"] = seconds(lambda: made.append(instances(Sign(2), 32, n, device)))
    row["marking MB"] = peak(device)
    oracle = Oracle(victim, MARGIN.access, BATCH[device], device)
    row["auditing s"] = seconds(lambda: read(oracle, MARGIN, made[0], [optimal(n, P)]))
    row["auditing MB"] = peak(device)
    print(json.dumps(row | {"queries": oracle.queries}))


def peak(device: str) -> float:
    """Peak memory so far in MB, of the GPU or of the process."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--probe", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        probe(options.device, options.probe)
        return
    device = options.device
    sizes = SIZES["small" if options.small else device]
    tables = {
        "share": lambda: share(device, *sizes["share"]),
        "decisions": lambda: decisions(device, *sizes["decisions"]),
        "compiled": lambda: compiled(device, sizes["share"][2]),
        "memory": lambda: memory(device, sizes["memory"]),
    }
    show(tables, environment(device), options.json)


if __name__ == "__main__":
    main()
