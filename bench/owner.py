"""Measure the owner's tool on photographs: memory and seconds of a large one, many small ones.

    python bench/owner.py [--small] [--json FILE]

Each row is a forked process (of Linux) that runs the command line. Memory is that of the process
(anonymous pages, looked at every 5 ms) beyond what it had when the command was imported; seconds
are those of the processor, all threads together. Pictures are made here: smooth colours with noise
as a sensor's (JPEG of quality 92; 24 megapixels take 8 MB). The audited model is a mean of
pixels in the process, so what is measured is the tool. The four tables:

* marking one picture, by the published format;
* auditing a few pictures, as they are and with ``--send 512``, per answer;
* marking many pictures of 1 megapixel, and what 10,000 would take (extrapolated);
* what JPEG at a picture's own quality leaves of a mark (`scaled_sign`, 56 cells) in what a model
  sees, which shrinks the central square: `kept` is the share of the difference of two versions,
  `noise` the rest relative to it. No model is trained for it.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from typer.main import get_command

from common import environment, show
from taggant.data.decode import square
from taggant.marking.strategies.scaled_sign import ScaledSign
from taggant.owner.cli import app
from taggant.owner.jpeg import JpegSettings
from taggant.owner.pictures import to_image, to_tensor
from taggant.owner.record import Record
from taggant.owner.scheme import compressed

SIZES: dict[str, tuple[float, float, int, int, tuple[int, ...]]] = {
    "small": (0.2, 0.05, 2, 4, (240,)),
    "full": (24.0, 1.0, 2, 300, (4000, 1000, 500)),
}
"""Megapixels of a large and of a plain picture, how many of each; shorter sides of JPEG files."""
CLASSES = "first,second"
MODEL = '''
import torch
def model(images):
    """Two logits that follow from the mean colour."""
    mean = torch.from_numpy(images.numpy().mean((1, 2, 3)) / 255).float()
    return torch.stack([mean, -mean], 1)
'''


def photo(path: Path, megapixels: float, seed: int) -> None:
    """A file of so many megapixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(round((megapixels * 1e6 / 1.5) ** 0.5 / 2) * 2, seed).save(path, quality=92)


def picture(height: int, seed: int) -> Image.Image:
    """A picture of 3:2, smooth but for noise that spans two pixels."""
    rng = np.random.default_rng(seed)
    size = (height * 3 // 2, height)
    coarse = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
    noise = rng.normal(128, 12, (size[1] // 2, size[0] // 2, 3)).clip(0, 255)
    fine = Image.fromarray(noise.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    whole = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    return Image.fromarray((whole + np.asarray(fine) - 128).clip(0, 255).astype(np.uint8))


def held() -> float:
    """Megabytes of this process's own memory."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1000


def measured(folder: Path, words: list[str]) -> dict[str, float]:
    """Memory and seconds of a command, in a process of its own."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(_measured, (folder, words))


def _measured(folder: Path, words: list[str]) -> dict[str, float]:
    os.chdir(folder)  # where the model lies
    get_command(app).commands[words[0]].load()  # what it imports is no part of its work
    start, most, ended = held(), [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(0.005):
            most[0] = max(most[0], held())

    watcher = threading.Thread(target=look)
    watcher.start()
    cpu, wall = time.process_time(), time.perf_counter()
    app(words, standalone_mode=False)
    taken = time.process_time() - cpu, time.perf_counter() - wall
    ended.set()
    watcher.join()
    return {
        "MB of libraries": start,
        "MB more": most[0] - start,
        "CPU s": taken[0],
        "wall s": taken[1],
    }


def mark(home: Path, raw: Path, *more: str) -> dict[str, float]:
    """Mark a folder anew."""
    for path in home.glob("own*"):
        path.unlink()
    shutil.rmtree(home / "out", ignore_errors=True)
    words = ["mark", str(raw), "--out", str(home / "out"), "--ledger", str(home / "own.ledger")]
    return measured(home, [*words, *more])


def marking(home: Path, raw: Path) -> list[dict[str, Any]]:
    """One row a format; files of the first folder are JPEG."""
    rows = []
    for form in ("png", "webp", "jpeg"):
        row = mark(home, raw, "--format", form, "--quality", "92")
        sizes = [path.stat().st_size for path in (home / "out").rglob("*.*")]
        count = len(sizes)
        rows.append(
            {"format": form, "MB a file": sum(sizes) / count / 1e6, **row}
            | {"CPU s a picture": row["CPU s"] / count}
        )
    return rows


def auditing(home: Path, raw: Path) -> list[dict[str, Any]]:
    """One row a size in which pictures are sent."""
    (home / "mean_colour.py").write_text(MODEL)
    mark(home, raw, "--n", "100")
    rows = []
    for name, more in (("as published", []), ("--send 512", ["--send", "512"])):
        out = home / f"audit{len(rows)}.json"
        row = measured(
            home,
            [
                *("audit", "--ledger", str(home / "own.ledger"), "--raw", str(raw)),
                *("--published", str(home / "out"), "--model", "mean_colour:model"),
                *("--classes", CLASSES, "--out", str(out), "--yes", *more),
            ],
        )
        answers = Record.load(out).paid
        rows.append({"sent": name, "answers": answers, **row})
        rows[-1]["CPU s an answer"] = row["CPU s"] / answers
    return rows


def many(home: Path, raw: Path, count: int, megapixels: float) -> list[dict[str, Any]]:
    """Marking many pictures, and going on with all of them there."""
    rows = []
    for name, command in (
        ("mark", partial(mark, home, raw)),
        ("again, all there", partial(_again, home, raw)),
    ):
        row = command()
        rows.append({"call": name, "pictures": count, "megapixels": megapixels, **row})
        rows[-1]["pictures a minute"] = 60 * count / row["wall s"]
        rows[-1]["minutes for 10,000 (extrapolated)"] = 10_000 / count * row["wall s"] / 60
    return rows


def left_by_jpeg(sides: Sequence[int], reads: Sequence[int] = (224, 64)) -> list[dict[str, Any]]:
    """One row a shorter side and quality."""
    rows = []
    for side in sides:
        for quality in (95, 92, 85, 75):
            jpeg = JpegSettings(quality=quality)
            raw = jpeg.encoded(picture(side, 0))
            pixels = to_tensor(Image.open(io.BytesIO(raw)).convert("RGB"))[None]
            secret, index = bytes(32) + b"\2", np.array([[0, 1]])
            versions = ScaledSign(56)([secret], pixels, ["picture"], index, 10)[0]
            row: dict[str, Any] = {"shorter side": side, "quality": quality}
            shown = [compressed(jpeg, version) for version in versions]
            row["size / raw size"] = len(jpeg.encoded(to_image(versions[0]))) / len(raw)
            for read in reads:
                whole, left = (a[0] - a[1] for a in (squares(versions, read), squares(shown, read)))
                row[f"kept at {read}"] = float((whole * left).sum() / whole.square().sum())
                row[f"noise at {read}"] = float((left - whole).norm() / whole.norm())
            rows.append(row)
    return rows


def squares(pictures: Iterable[Tensor], side: int) -> Tensor:
    """What a model sees of pictures, float [B, 3, side, side]."""
    return torch.stack([square(to_image(one), side) for one in pictures]).float()


def _again(home: Path, raw: Path) -> dict[str, float]:
    words = ["mark", str(raw), "--out", str(home / "out"), "--ledger", str(home / "own.ledger")]
    return measured(home, words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    large, plain, few, count, sides = SIZES["small" if options.small else "full"]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        names = CLASSES.split(",")
        for k in range(few):
            photo(home / "large" / names[k % 2] / f"{k}.jpg", large, k)
        for k in range(count):
            photo(home / "plain" / names[k % 2] / f"{k}.jpg", plain, k)
        facts = {"megapixels": {"large": large, "plain": plain}, **environment("cpu")}
        tables = {
            f"marking a picture of {large:g} megapixels": partial(marking, home, home / "large"),
            f"auditing pictures of {large:g} megapixels": partial(auditing, home, home / "large"),
            f"marking many of {plain:g} megapixels": partial(
                many, home, home / "plain", count, plain
            ),
            "what JPEG leaves of a mark": partial(left_by_jpeg, sides),
        }
        show(tables, facts, options.json)


if __name__ == "__main__":
    main()
