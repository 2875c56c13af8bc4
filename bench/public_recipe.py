"""Time training by airbench94's recipe: this package, beside the recipe's own public code.

    pip install airbench==0.1.8
    python bench/public_recipe.py [--device cpu] [--small] [--images 2000] [--json FILE]
    python bench/public_recipe.py --photos FOLDER [--json FILE]

The same network, batch size and images of noise, in turns in one process; the first epoch of each
does not count. The public code is written for a GPU. Where there is none, its device lines are
exchanged while it runs, for the CPU's, with bfloat16 for float16, which few CPUs compute in; no
file of it is changed, and none is part of this repository.

With --photos the public code is trained as it comes, whole, on train/<class>/ of a folder of images
of 32 pixels, and its accuracy on test/<class>/ told: by one view, two and six.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import torch

from common import environment, in_turns, precisions, ratio, show
from taggant.data.augment import CropFlip
from taggant.data.image_folder import load
from taggant.data.imageset import ImageSet, channel_stats, content_ids
from taggant.pipeline.run import quiet_libraries
from taggant.victim.airbench import Airbench
from taggant.victim.airbench_net import AirbenchNet
from training import lightning

VERSION = "0.1.8"
BATCH = 500
CLASSES = 10


def ours(data: ImageSet, width: int, epochs: int, device: str) -> float:
    """Seconds an epoch by this package: Lightning, with all that a run keeps."""
    torch.manual_seed(0)
    victim = Airbench(
        bias_rate=64.0, label_smoothing=0.2, net=partial(AirbenchNet, width=width),
        classes=CLASSES, channels=3, image_size=32, epochs=epochs, batch_size=BATCH, lr=0.5,
        momentum=0.85, weight_decay=0.001, snapshots=1, mean=data.mean, std=data.std,
        augment=CropFlip(pad=2), warmup=0.23,
    )  # fmt: skip
    native = "bfloat16" in precisions(device)
    return lightning(victim, data, device, "bf16-mixed" if native else "32-true")


def theirs(data: ImageSet, width: int, epochs: int, device: str) -> float:
    """Seconds an epoch by the public code."""
    from airbench import lib_airbench94, utils

    widths = {"block1": width, "block2": 4 * width, "block3": 4 * width}
    with _files(data, data), _on(device):
        loader = _Timed(utils.CifarLoader, lib_airbench94.hyp["aug"])
        lib_airbench94.train94(
            loader.loader,
            epochs,
            verbose=False,
            make_net=partial(lib_airbench94.make_net94, widths),
        )
        return loader.seconds_an_epoch()


class _Timed:
    """A loader of the public code that notes when its epochs begin, and when the last one ends."""

    def __init__(self, kind: Any, augment: dict[str, Any]) -> None:
        marks: list[float] = []

        class Noting(kind):  # type: ignore[misc]
            def __iter__(self) -> Iterator[Any]:
                marks.append(_now())
                try:
                    yield from super().__iter__()
                finally:  # the last epoch is left before its end
                    marks.append(_now())

        self.loader = Noting("cifar10", batch_size=BATCH, aug=augment, altflip=True)
        self.marks = marks

    def seconds_an_epoch(self) -> float:
        """Of all epochs but the first."""
        epochs = len(self.marks) // 2
        return (self.marks[-1] - self.marks[2]) / (epochs - 1)


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


@contextlib.contextmanager
def _files(train: ImageSet, test: ImageSet) -> Iterator[None]:
    """The images as the files that the public code reads, in a folder of their own."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cifar10").mkdir()
        for part, data in (("train", train), ("test", test)):
            path = Path(folder) / "cifar10" / f"{part}.pt"
            facts = {"images": data.images.permute(0, 2, 3, 1), "labels": data.labels}
            torch.save({**facts, "classes": list(data.class_names)}, path)
            torch.load(path, weights_only=True)  # learns torch's types before they are exchanged
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


class _NoEvent:
    """A GPU's stopwatch, where there is no GPU."""

    def __init__(self, **_: object) -> None:
        pass

    def record(self) -> None:
        pass

    def elapsed_time(self, _: object) -> float:
        return 0.0


@contextlib.contextmanager
def _on(device: str) -> Iterator[None]:
    """Run the public code as it is on a GPU; elsewhere with its device lines exchanged."""
    if device == "cuda":
        yield
        return
    load = torch.load
    half = torch.bfloat16 if "bfloat16" in precisions(device) else torch.float32
    with contextlib.ExitStack() as exchanged:
        for place, name, new in (
            (torch, "load", lambda path, **_: load(path, map_location="cpu", weights_only=True)),
            (torch, "half", half),
            (torch.Tensor, "half", lambda tensor: tensor.to(half)),
            (torch.nn.Module, "half", lambda module: module.to(half)),
            (torch.nn.Module, "cuda", lambda module: module),
            (torch.cuda, "Event", _NoEvent),
            (torch.cuda, "synchronize", lambda: None),
        ):
            exchanged.enter_context(mock.patch.object(place, name, new))
        yield


def noise(images: int) -> ImageSet:
    """Images of noise: how long a step takes does not depend on what they show."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (images, 3, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.randint(CLASSES, (images,), generator=generator)
    names = tuple(map(str, range(CLASSES)))
    facts = channel_stats(pixels)
    return ImageSet(pixels, content_ids(pixels), labels, None, "noise", names, *facts)


def compared(device: str, width: int, epochs: int, turns: int, images: int) -> list[dict[str, Any]]:
    """Images/s of both, and their ratio."""
    data = noise(images)
    speeds = in_turns(
        {
            "this package": lambda: images / ours(data, width, epochs, device),
            "airbench": lambda: images / theirs(data, width, epochs, device),
        },
        turns,
    )
    row: dict[str, Any] = {"width": width, "batch": BATCH}
    row |= {f"{name} images/s": median(speed) for name, speed in speeds.items()}
    return [row | {"ratio": ratio(speeds["this package"], speeds["airbench"])}]


def trained(folder: Path, device: str, small: bool) -> list[dict[str, Any]]:
    """Accuracy of the public code on a folder of images."""
    from airbench import lib_airbench94, utils

    sizes = {"train": 1000, "test": 100} if small else {"train": None, "test": None}
    splits = load(str(folder), size=32, seed=0, **sizes)
    hyp = lib_airbench94.hyp
    with _files(splits.train, splits.test), _on(device):
        batch = min(hyp["opt"]["batch_size"], len(splits.train) // 2)
        train = utils.CifarLoader("cifar10", batch_size=batch, aug=hyp["aug"], altflip=True)
        epochs = 1 if small else hyp["opt"]["train_epochs"]
        model = lib_airbench94.train94(train, epochs=epochs)
        test = utils.CifarLoader("cifar10", train=False)
        return [
            {"views": views, "accuracy": utils.evaluate(model, test, tta_level=level)}
            for level, views in enumerate((1, 2, 6))
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--images", type=int, default=2000, help="of an epoch")
    parser.add_argument("--photos", type=Path, help="train the public code on these, whole")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        import airbench  # noqa: F401
    except ImportError:
        print(f"not run: pip install airbench=={VERSION} brings the code that this is timed beside")
        return
    quiet_libraries()
    sizes = (16, 2, 1) if options.small else (64, 2, 5)
    images = 500 if options.small else options.images
    tables = {"training": lambda: compared(options.device, *sizes, images)}
    if options.photos:
        tables = {"trained": lambda: trained(options.photos, options.device, options.small)}
    show(tables, environment(options.device), options.json)


if __name__ == "__main__":
    main()
