"""What shrinking leaves of a mark: by cells, size of the original and size that a model reads.

    python bench/grain.py [PHOTOS] [--small] [--detection 32 64] [--json FILE]

PHOTOS is a folder of real photographs, CLASS/NAME.jpg; left out: the embedded emoji. Three tables:

* signal: published minus raw, both shrunk as models shrink (bilinear, antialiased, rounded to 8
  bits), beside the mark before: the ratio of their standard deviations, mean over the photographs,
  enlarged to originals of 500 to 4,000 pixels;
* platforms: the same after each kind of platform, of originals of 2,400 pixels, for `--for 64` and
  `--for web`; and how it agrees with that of the whole picture, which an audit without
  `--published-copy` asks about: correlation of the two marks;
* detection: one small network for each size that models read learns photographs by heart, in equal
  parts marked with cells of 2, 4, 8 and 16 pixels of its input (of an original of 8 times as
  many); how many are claimed at p = .05 of those it learned, and of as many it never saw. Each
  photograph is mirrored at random in training, or shifted as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from common import environment, show
from taggant.data import emoji
from taggant.data.decode import to_image
from taggant.marking.strategies.scaled_sign import ScaledSign
from taggant.owner.grain import cells_for
from taggant.owner.pictures import to_tensor
from taggant.owner.transform import PROFILES, Transform
from taggant.victim.small_net import SmallNet

EPSILON, SECRET = 10, bytes(32)
ORIGINALS, READ, CELLS = (500, 1000, 2000, 4000), (32, 64, 128, 224), (4, 8, 16, 32, 56, 112)
PIXELS = (2, 4, 8, 16)
"""Pixels of a model's input that a cell has."""
N, MOST = 40, 1
"""Versions of a picture, and hidden ones that may beat the published one: p = 2/40."""


def photographs(folder: Path | None, count: int, side: int) -> tuple[Tensor, list[str]]:
    """Square pictures, uint8 [B, 3, side, side], and their classes: the folders' names."""
    if folder is None:
        data = emoji.load(labels="category").train
        assert data.labels is not None
        images = [to_image(one) for one in data.images]
        names = [data.class_names[label] for label in data.labels.tolist()]
    else:
        files = sorted(folder.rglob("*.jpg"))
        images, names = files, [path.parent.name for path in files]
    chosen = np.random.default_rng(0).permutation(len(images))[:count]
    return torch.stack([enlarged(images[k], side) for k in chosen]), [names[k] for k in chosen]


def enlarged(picture: Image.Image | Path, side: int) -> Tensor:
    """A picture, or a file of one, as a square of so many pixels, uint8 [3, side, side]."""
    image = Image.open(picture) if isinstance(picture, Path) else picture
    return to_tensor(image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC))


def shrink(images: Tensor, side: int) -> Tensor:
    """As torchvision and PIL shrink: uint8 [B, 3, H, W] -> float [B, 3, side, side], 0..255."""
    small = interpolate(images.float(), (side, side), mode="bilinear", antialias=True)
    return small.round().clamp(0, 255)


def signal(folder: Path | None, small: bool) -> list[dict[str, Any]]:
    """What is left of a mark's standard deviation."""
    rows = []
    for original in ORIGINALS[:1] if small else ORIGINALS:
        raw, _ = photographs(folder, 2, original)
        for cells in CELLS:
            marks = ScaledSign(cells, mirror=True)
            index = np.zeros((len(raw), 1), np.int64)
            made = marks([SECRET] * len(raw), raw, ["a", "b"], index, EPSILON)[:, 0]
            before = (made.float() - raw.float()).std()
            left = {
                f"{side} px": float((shrink(made, side) - shrink(raw, side)).std() / before)
                for side in READ
            }
            rows.append({"original": original, "cells": cells, **left})
    return rows


def platforms(folder: Path | None, small: bool) -> list[dict[str, Any]]:
    """What is left of a mark on a platform, and how it agrees with that of whole pictures."""
    raw, _ = photographs(folder, 1 if small else 3, 600 if small else 2400)
    index = np.zeros((len(raw), 1), np.int64)
    rows = []
    for side in (64, 224):
        marks = ScaledSign(cells_for(str(side)), mirror=True)
        made = marks([SECRET] * len(raw), raw, [str(k) for k in range(len(raw))], index, EPSILON)
        whole = shrink(made[:, 0], side) - shrink(raw, side)
        for name, text in {"none": "", **PROFILES}.items():
            step = Transform.parse(text)
            learned, bare = (
                shrink(torch.stack([step(one) for one in images]), side)
                for images in (made[:, 0], raw)
            )
            mark = learned - bare
            both = torch.stack([mark.flatten(), whole.flatten()])
            left = float(mark.std() / (made[:, 0].float() - raw.float()).std())
            row = {"model reads": side, "platform": name, "does": text, "left": left}
            rows.append(row | {"agrees with whole": float(torch.corrcoef(both)[0, 1])})
    return rows


class Shown:
    """Versions of photographs as a model of one size reads them, half of them learned."""

    def __init__(self, folder: Path | None, side: int, each: int) -> None:
        self.side = side
        self.raw, names = photographs(folder, 2 * each * len(PIXELS), 8 * side)
        classes = sorted(set(names))
        self.labels = torch.tensor([classes.index(name) for name in names])
        places = np.random.default_rng(0).permutation(len(names)).reshape(2, len(PIXELS), each)
        self.groups = {pixels: torch.from_numpy(places[:, k]) for k, pixels in enumerate(PIXELS)}
        self.learned = torch.from_numpy(places[0].ravel())
        self.marks = {
            int(place): ScaledSign(side // pixels, mirror=True)
            for pixels, group in self.groups.items()
            for place in group.ravel()
        }

    def versions(self, place: int, indices: Sequence[int]) -> Tensor:
        """float [k, 3, side, side]; index 0 is the published one."""
        raw, index = self.raw[place][None], np.array([indices])
        made = self.marks[place]([SECRET], raw, [str(place)], index, EPSILON)[0]
        return shrink(made, self.side) / 127.5 - 1

    def published(self) -> Tensor:
        """What the model learns."""
        return torch.cat([self.versions(int(place), [0]) for place in self.learned])


def learn(shown: Shown, epochs: int, shift: int) -> tuple[nn.Module, float]:
    """A network that learned the published versions, and its loss on them."""
    torch.manual_seed(0)
    images, labels = shown.published(), shown.labels[shown.learned]
    net = SmallNet(int(shown.labels.max()) + 1, image_size=shown.side)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9, nesterov=True)
    batches = len(images) // 50
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.03, total_steps=epochs * batches)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).view(batches, -1):
            shown_now = moved(images[batch], shift)
            loss = cross_entropy(net(shown_now), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        return net, float(cross_entropy(net(images), labels))


def moved(images: Tensor, shift: int) -> Tensor:
    """Mirrored with chance a half, and shifted by up to so many pixels each way, edges repeated."""
    flipped = torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images.flip(-1), images)
    if not shift:
        return flipped
    side = images.shape[-1]
    padded = nn.functional.pad(flipped, [shift] * 4, mode="reflect")
    down, right = torch.randint(0, 2 * shift + 1, (2, len(images), 1, 1))
    line = torch.arange(side)
    rows, columns = down + line.view(1, -1, 1), right + line.view(1, 1, -1)
    each = torch.arange(len(images)).view(-1, 1, 1)
    return padded.permute(0, 2, 3, 1)[each, rows[:, :, 0, None], columns].permute(0, 3, 1, 2)


@torch.no_grad()
def claimed(net: nn.Module, shown: Shown, places: Tensor) -> float:
    """Share of pictures whose published version at most one hidden version beats."""
    claims = 0
    for place in places.tolist():
        versions = shown.versions(place, range(N))
        logits = net(versions) + net(versions.flip(-1))
        own = logits.log_softmax(1)[:, shown.labels[place]]
        claims += int((own[1:] >= own[0]).sum()) <= MOST
    return claims / len(places)


def detection(folder: Path | None, side: int, shift: int, small: bool) -> list[dict[str, Any]]:
    """Claims by pixels of a cell, of one network."""
    shown = Shown(folder, side, 25 if small else 100)
    net, loss = learn(shown, 2 if small else 60 if not shift else 150, shift)
    return [
        {
            "model reads": side,
            "training": f"mirrored, shifted by {shift}" if shift else "mirrored",
            "loss": loss,
            "px of a cell": pixels,
            "claimed of learned": claimed(net, shown, group[0]),
            "of others": claimed(net, shown, group[1]),
        }
        for pixels, group in shown.groups.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="?", help="a folder of real photographs")
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--detection", type=int, nargs="*", default=[], help="sizes of models")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    tables = {
        "signal left": lambda: signal(options.photos, options.small),
        "platforms": lambda: platforms(options.photos, options.small),
    }
    for side in options.detection:
        for shift in (0, side // 16):
            tables[f"detection, {side} px, shift {shift}"] = lambda side=side, shift=shift: (
                detection(options.photos, side, shift, options.small)
            )
    show(tables, environment("cpu"), options.json)


if __name__ == "__main__":
    main()
