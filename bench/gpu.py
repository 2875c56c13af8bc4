"""The figures of a GPU in one run of at most eight minutes: engine, marking, training, an audit.

    python bench/gpu.py [--json FOLDER] [--minutes 8] [--device cuda] [--small]

Each part is a bench of its own, run in a process of its own with half of the time that is left. A
part that does not end in it is stopped, and the table says so; the rows that it had are in its
JSON. First come the parts that say most:

* generator: the device's keystreams are those of the CPU, bit for bit, and their words/s;
* audit: a ResNet-18 trained on 1,000 instances until it knows them, then audited at n = 1,000;
* share: the engine beside the bare forward, ResNet-18 among the networks;
* compiled: answers/s of compiled models, also by CUDA graphs, and what compiling takes;
* decisions: seconds per decided instance, beside a loop over single images;
* training and marking: `bench/training.py` and `bench/marking.py`.

What memory an audit takes against n is in `bench/audit.py` alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18

import audit
from common import environment, seconds, show
from taggant.auditing.engine import read
from taggant.auditing.instance import decide
from taggant.marking.chacha import keystream
from taggant.marking.n_version import Sign
from taggant.stats import optimal

PARTS = ("generator", "audit", "share", "compiled", "decisions", "training", "marking")
FOLDER = Path(__file__).parent


def generator(device: str, small: bool) -> list[dict[str, Any]]:
    """Bit-equality of keystreams, and words/s."""
    count = 1 << (8 if small else 20)
    words = np.random.default_rng(0).integers(-(2**31), 2**31, (count, 8)).astype(np.int32)
    keys, streams = torch.from_numpy(words), torch.arange(count)
    here = keystream(keys[:256], streams[:256], streams[:256], 2)
    there = [keys.to(device), streams.to(device), streams.to(device)]
    equal = torch.equal(here, keystream(*(part[:256] for part in there), 2).cpu())
    keystream(*there, 2)
    took = seconds(lambda: keystream(*there, 2))
    return [{"equal to the CPU's": str(equal), "words/s": 32 * count / took}]


def net(classes: int, channels: int, image_size: int) -> nn.Module:
    """ResNet-18 for images of 32 pixels."""
    model = resnet18(num_classes=classes)
    model.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def share(device: str, small: bool) -> Iterable[dict[str, Any]]:
    """The engine beside the bare forward."""
    audit.NETS["ResNet-18"] = net
    return audit.share(device, *_sizes(device, small)["share"])


def compiled(device: str, small: bool) -> Iterable[dict[str, Any]]:
    """Answers/s of compiled models."""
    return audit.compiled(device, _sizes(device, small)["share"][2])


def decisions(device: str, small: bool) -> Iterable[dict[str, Any]]:
    """Seconds per decided instance."""
    return audit.decisions(device, *_sizes(device, small)["decisions"])


def _sizes(device: str, small: bool) -> dict[str, Any]:
    return audit.SIZES["small" if small else device]


def memorised(device: str, small: bool) -> list[dict[str, Any]]:
    """Seconds to train on half of the instances and to audit all of them."""
    count, n, epochs = (16, 40, 1) if small else (1000, 1000, 40)
    chosen = audit.instances(Sign(2), count, n, device)
    victim = audit.Victim(net).to(device)
    used = torch.from_numpy(chosen.published.used)
    images = chosen.published.images[used].to(device)
    labels = chosen.raw.labels[used].to(device)
    half = torch.autocast(torch.device(device).type, torch.bfloat16)
    optimizer = torch.optim.SGD(victim.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)

    def train() -> None:
        victim.train()
        for _ in range(epochs):
            for part in torch.randperm(len(images), device=device).split(50):
                optimizer.zero_grad()
                with half:
                    loss = cross_entropy(victim(images[part]), labels[part])
                loss.backward()
                optimizer.step()

    trained = seconds(train)
    victim.eval()
    test, found = optimal(n, audit.P), []
    oracle = audit.Oracle(victim, audit.MARGIN.access, audit.BATCH[device], device, "bfloat16")
    audited = seconds(lambda: found.append(read(oracle, audit.MARGIN, chosen, [test])))
    claims = decide(found[0], test, audit.P, chosen.published.used, 1).claim
    row = {"instances": count, "training s": trained, "audit s": audited}
    own = chosen.published.used
    return [row | {"used claimed": claims[own].mean(), "unused claimed": claims[~own].mean()}]


TABLES: dict[str, Callable[[str, bool], Iterable[dict[str, Any]]]] = {
    "generator": generator,
    "share": share,
    "audit": memorised,
    "compiled": compiled,
    "decisions": decisions,
}


def run(part: str, options: argparse.Namespace, left: float) -> dict[str, Any]:
    """One part in a process of its own, with so many seconds; how it ended."""
    own = [__file__, "--part", part] if part in TABLES else [str(FOLDER / f"{part}.py")]
    command = [sys.executable, *own, "--device", options.device]
    command += ["--small"] * options.small
    if options.json:
        options.json.mkdir(parents=True, exist_ok=True)
        command += ["--json", str(options.json / f"{part}.json")]
    start = time.monotonic()
    try:
        code = subprocess.run(command, timeout=left).returncode if left > 0 else None
        ended = "no time was left" if code is None else "done" if code == 0 else f"failed ({code})"
    except subprocess.TimeoutExpired:
        ended = "stopped: its time was over"
    return {"part": part, "ended": ended, "s": time.monotonic() - start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--json", type=Path, help="a folder; of one part, a file")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--part", choices=tuple(TABLES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        make = TABLES[options.part]
        tables = {options.part: lambda: make(options.device, options.small)}
        show(tables, environment(options.device), options.json)
        return
    end = time.monotonic() + 60 * options.minutes
    rows = []
    for part in PARTS:
        left = end - time.monotonic()
        rows.append(run(part, options, left if part == PARTS[-1] else left / 2))
    print(json.dumps(rows, indent=1))
    sys.exit(any(row["ended"] != "done" for row in rows))


if __name__ == "__main__":
    main()
