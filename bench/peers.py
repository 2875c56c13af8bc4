"""Time the peers' own code, as it comes, beside this package.

    git clone https://github.com/facebookresearch/radioactive_data
    git clone https://github.com/zonghaohuang007/ML_data_auditing
    git clone https://github.com/privacytrustlab/ml_privacy_meter
    python bench/peers.py FOLDER [--side 32 224] [--steps 10] [--small] [--json FILE]

FOLDER holds the clones; what is not there is left out, and said. No file of theirs is changed or
part of this repository. They are written for a GPU: where there is none their device lines are
exchanged while they run. What their mains alone need (a search library, a training framework, a
confidence sequence that never stops) is a stand-in, and their networks are given, so that nothing
is downloaded. One process, one thread unless OMP_NUM_THREADS says otherwise, sides in turns,
medians. The tables:

* marking: seconds a picture of radioactive marks and of twins, ResNet-18 in random weights, at
  equal steps; ours in lanes, in float32 and, where the device has it, bfloat16;
* detecting: answers/s of asking about pairs of twins with K = 16 views, all pairs read;
* membership: seconds of RMIA given what models answer, and the largest difference of scores.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import inspect
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import resnet18

import audit
from common import environment, in_turns, precisions, ratio, seconds, show
from taggant.auditing.engine import read
from taggant.marking.marker import IMAGENET_MEAN, IMAGENET_STD, Backbone, Marker
from taggant.marking.radioactive import Radioactive
from taggant.marking.scheme import Scheme
from taggant.marking.twins import Twins
from taggant.score import Oracle

RADIOACTIVE, TWINS, METER = "radioactive_data", "ML_data_auditing", "ml_privacy_meter"
TRIED = {
    RADIOACTIVE: "9c77362f7824e2e855f7dcb539ea6983bfffba01",
    TWINS: "125d8348cf99fdc43f57566935116236229b510f",
    METER: "e384af8fd9319b8eeb1303aa82474df1441e3c59",
}
"""Commits that this file was written for."""
RADIUS, LANES = 10, 16
SIZES: dict[str, dict[str, Any]] = {
    "small": {"marking": (2, 1, 1), "pairs": 24, "membership": (50, 40), "repeats": 1},
    "cpu": {"marking": (16, 16, 2), "pairs": 64, "membership": (4000, 4000), "repeats": 3},
}
"""Pictures of ours, of theirs by radioactive marks in a call, by twins; pairs; images, others."""


class Peer:
    """A clone that the user named, importable while it is entered."""

    def __init__(self, folder: Path, device: str) -> None:
        self.folder, self.device = folder, device

    @property
    def name(self) -> str:
        return self.folder.name

    def version(self) -> str:
        """Its commit, and whether this file was written for it."""
        command = ["git", "-C", str(self.folder), "rev-parse", "HEAD"]
        top = [*command[:3], "rev-parse", "--show-toplevel"]
        found = subprocess.run(top, capture_output=True, text=True, check=False).stdout.strip()
        if not found or Path(found).resolve() != self.folder.resolve():
            return "no commit is known"
        commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        tried = TRIED[self.name]
        return commit if commit == tried else f"{commit}, and not {tried} as was tried"

    @contextlib.contextmanager
    def entered(self, **stand_ins: Any) -> Iterator[None]:
        """Let its modules be imported, beside stand-ins for others; forget them in the end."""
        before = set(sys.modules)
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.dict(sys.modules, stand_ins))
            stack.enter_context(mock.patch.object(sys, "path", [str(self.folder), *sys.path]))
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            # Gone from Python since they were written.
            gone = {"getargspec": inspect.getfullargspec}
            stack.enter_context(mock.patch.multiple(inspect, create=True, **gone))
            if self.device == "cpu":
                for kind in (Tensor, nn.Module):
                    stack.enter_context(mock.patch.object(kind, "cuda", lambda self, **_: self))
            yield
        for name in set(sys.modules) - before:
            if str(self.folder) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


def network() -> nn.Module:
    """A ResNet-18 in random weights, always the same."""
    torch.manual_seed(0)
    return resnet18(weights=None)


def marker(size: int, precision: str) -> Marker:
    """The same network without its last layer, as ours takes it."""

    def load() -> Backbone:
        net = network()
        net.fc = nn.Sequential()  # type: ignore[assignment]
        return Backbone("resnet18", net, IMAGENET_MEAN, IMAGENET_STD)

    return Marker(load, size, precision, fold=True)


def pictures(count: int, side: int) -> Tensor:
    """Pictures of smooth noise, uint8 [count, 3, side, side]."""
    torch.manual_seed(1)
    coarse = torch.rand(count, 3, 8, 8)
    fine = nn.functional.interpolate(coarse, size=side, mode="bicubic").clamp(0, 1)
    return (255 * fine).round().to(torch.uint8)


def save(images: Tensor, folder: Path) -> list[str]:
    """As PNG; their paths."""
    paths = [folder / f"{number}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    return [str(path) for path in paths]


def their_radioactive(peer: Peer, images: Tensor, side: int, steps: int) -> float:
    """Seconds a picture of ``make_data_radioactive.py``, all pictures in one call."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths, net = save(images, folder), network()
        facts = {"num_classes": 1000, "architecture": "resnet18"}
        torch.save({"params": facts, "model": net.state_dict()}, folder / "net.pth")
        torch.save(nn.functional.normalize(torch.randn(10, 512)), folder / "carriers.pth")
        arguments = {
            "--img_size": side + 1, "--crop_size": side, "--img_paths": ",".join(paths),
            "--marking_network": folder / "net.pth", "--carrier_path": folder / "carriers.pth",
            "--dump_path": folder, "--epochs": steps, "--optimizer": "sgd,lr=1.0",
            "--lambda_ft_l2": 0.01, "--lambda_l2_img": 0.0005, "--radius": RADIUS,
            "--data_augmentation": "random",
        }  # fmt: skip
        words = [str(word) for pair in arguments.items() for word in pair]
        with peer.entered(faiss=mock.MagicMock()):
            # It reads lists of classes from its authors' own disk, which marking does not use.
            with mock.patch.object(np, "load", return_value=np.zeros(0)):
                module = importlib.import_module("make_data_radioactive")
            options = module.get_parser().parse_args(words)
            quiet = SimpleNamespace(info=lambda text: None)
            with mock.patch.object(module, "initialize_exp", return_value=quiet):
                return seconds(lambda: module.main(options)) / len(images)


def their_twins(peer: Peer, images: Tensor, steps: int) -> float:
    """Seconds a picture of ``generate_exclusive_twins2``, one picture a call."""
    shown = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    options = SimpleNamespace(
        radius=RADIUS, mepochs=steps, moptimizer="sgd,lr=1.0", lambda_ft_l2=0.01,
        lambda_l2_img=0.0005,
    )  # fmt: skip
    made = [network() for _ in shown]
    with peer.entered():
        module = importlib.import_module("mark")
        with mock.patch.object(module, "resnet18", side_effect=made):
            took = seconds(lambda: [module.generate_exclusive_twins2(i, options) for i in shown])
    return took / len(images)


def ours(scheme: Scheme, images: Tensor) -> float:
    """Seconds a picture, all in one call; the probe of the marker's lanes is behind it."""
    ids, labels = [str(number) for number in range(len(images))], torch.zeros(len(images)).long()
    index = np.zeros((len(images), 1), np.int64)
    secrets = [bytes(32)] * len(images)
    made = partial(scheme.versions, secrets, images, ids, index, labels)
    return seconds(made) / len(images)


def marking(
    peers: dict[str, Peer], device: str, sides: list[int], steps: int, sizes: dict[str, Any]
) -> list[dict[str, Any]]:
    many, at_once, few = sizes["marking"]
    rows = []
    for side in sides:
        images = pictures(many, side)
        theirs: dict[str, Callable[[], float]] = {}
        if RADIOACTIVE in peers:
            theirs["radioactive"] = partial(
                their_radioactive, peers[RADIOACTIVE], images[:at_once], side, steps
            )
        if TWINS in peers:
            theirs["twins"] = partial(their_twins, peers[TWINS], images[:few], steps)
        for kind, their in theirs.items():
            own = _schemes(kind, device, side, steps, images)
            spent = in_turns({"theirs": their, **own}, sizes["repeats"])
            for name, each in spent.items():
                row = {"marks": kind, "side": side, "whose": name, "s a picture": median(each)}
                rows.append(row | {"times faster": ratio(spent["theirs"], each)})
    return rows


def _schemes(
    kind: str, device: str, side: int, steps: int, images: Tensor
) -> dict[str, Callable[[], float]]:
    """Ours, warm, by precision; of twins the network sees 224 pixels, as theirs, and `side`."""
    made: dict[str, Callable[[], float]] = {}
    for precision in precisions(device):
        for size in dict.fromkeys((224, side) if kind == "twins" else (side,)):
            seen = marker(size, precision)
            build: Any = Twins if kind == "twins" else Radioactive
            scheme = build(
                seen, epsilon=RADIUS, steps=steps, lanes=min(LANES, len(images)), memory=0
            )
            ours(dataclasses.replace(scheme, steps=1), images)
            made[f"ours, {size} px seen, {precision}"] = partial(ours, scheme, images)
    return made


def their_detection(peer: Peer, victim: nn.Module, pairs: Tensor, labels: list[int]) -> float:
    """Answers/s of ``detection``: pairs uint8 [M, 2, C, H, W], K = 16, read to the end."""
    classes = [str(number) for number in range(audit.CLASSES)]
    never = SimpleNamespace(
        BBHG_confseq=lambda seen, *_, **__: (np.zeros(len(seen)), np.ones(len(seen)))
    )
    forest = SimpleNamespace(consts=SimpleNamespace(SHARING_STRATEGY="file_system"))
    models = SimpleNamespace(get_model=lambda *_: victim)
    with tempfile.TemporaryDirectory() as name:
        folders = [f"{name}/published/", f"{name}/unpublished/"]
        asked = [(f"{number}.png", classes[label]) for number, label in enumerate(labels)]
        for folder, side in zip(folders, pairs.unbind(1), strict=True):
            for (file, label), image in zip(asked, side, strict=True):
                place = Path(folder) / label
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image.permute(1, 2, 0).numpy()).save(place / file)
        torch.save(victim.state_dict(), folders[0] + "target_model.pth")
        options = SimpleNamespace(
            published_path=folders[0], unpublished_path=folders[1], net=["ResNet18"],
            dataset="CIFAR100", pretrained=False, inference_mode=str(audit.VIEWS),
        )  # fmt: skip
        with peer.entered(cswor=never, forest=forest, models=models):
            module = importlib.import_module("classifier_cifar100")
            arguments = (_pixels, None, asked, len(classes), classes, options)
            took = seconds(lambda: module.detection(*arguments))
    return 2 * audit.VIEWS * len(labels) / took


def _pixels(image: Image.Image) -> Tensor:
    """Float [C, H, W], 0..255, as the bench's victim takes it."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float()


def detecting(peer: Peer, device: str, pairs: int, repeats: int) -> list[dict[str, Any]]:
    chosen = audit.instances(None, pairs, 2, device)
    versions = chosen.scheme.strategy.versions.cpu()
    batch = audit.noise(device)
    rows = []
    for title, net in audit.NETS.items():
        victim = audit.Victim(net).to(device).eval()

        def engine(oracle: Oracle) -> float:
            found: list[int] = []
            took = seconds(lambda: found.append(read(oracle, audit.VIEWED, chosen).queries))
            return found[0] / took

        labels = chosen.raw.labels.tolist()
        sides = {"theirs": partial(their_detection, peer, victim, versions, labels)}
        for precision in precisions(device):
            oracles = audit.asked(victim, batch, precision, audit.MODES[device])
            for mode, oracle in oracles.items():
                sides[f"ours, {precision}, {mode or 'as it is'}"] = partial(engine, oracle)
        speeds = in_turns(sides, repeats)
        for name, each in speeds.items():
            row = {"net": title, "whose": name, "answers/s": median(each)}
            rows.append(row | {"times the answers/s": ratio(each, speeds["theirs"])})
    return rows


def membership(peer: Peer, count: int, others: int, repeats: int) -> list[dict[str, Any]]:
    sys.path.append(str(Path(__file__).parent.parent))
    from experiments.defences._attacks import OFFLINE, Signals, rmia

    draw = np.random.default_rng(0).normal
    asked = Signals(draw(2, 2, count), np.zeros(count), draw(1, 2, (count, 2)))
    known = Signals(draw(1, 2, others), np.zeros(others), draw(1, 2, (others, 2)))
    scores: dict[str, Any] = {}

    def theirs() -> float:
        with peer.entered():
            module = importlib.import_module("modules.mia.attacks.rmia")
            confident = [1 / (1 + np.exp(-each)) for each in (asked.margin, asked.outside)]
            elsewhere = [1 / (1 + np.exp(-each)) for each in (known.margin, known.outside)]
            unseen = np.zeros((count, 2), bool)

            def run() -> None:
                scores["theirs"] = module.run_rmia(
                    confident[0], confident[1], unseen, *elsewhere, OFFLINE, 2
                )

            return seconds(run)

    def own() -> float:
        return seconds(lambda: scores.update(ours=rmia(asked, known)))

    spent = in_turns({"theirs": theirs, "ours": own}, repeats)
    differ = float(np.abs(scores["theirs"] - scores["ours"]).max())
    return [
        {"whose": name, "ms": 1e3 * median(each), "times faster": ratio(spent["theirs"], each)}
        | {"largest difference": differ}
        for name, each in spent.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the clones of the peers lie")
    parser.add_argument("--side", type=int, nargs="+", default=[32, 224], help="of pictures")
    parser.add_argument("--steps", type=int, default=10, help="of marking; theirs are 90")
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(torch.get_num_threads() if "OMP_NUM_THREADS" in os.environ else 1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    folders = {name: options.folder / name for name in TRIED}
    peers = {name: Peer(path, device) for name, path in folders.items() if path.is_dir()}
    if not peers:
        parser.error(f"{options.folder} holds none of {', '.join(TRIED)}")
    sizes = SIZES["small" if options.small else "cpu"]
    repeats = sizes["repeats"]
    tables: dict[str, Any] = {
        "marking": lambda: marking(peers, device, options.side, options.steps, sizes)
    }
    if TWINS in peers:
        tables["detecting"] = lambda: detecting(peers[TWINS], device, sizes["pairs"], repeats)
    if METER in peers:
        tables["membership"] = lambda: membership(peers[METER], *sizes["membership"], repeats)
    said = {name: peers[name].version() if name in peers else "not there" for name in TRIED}
    show(tables, {"peers": said, **environment(device)}, options.json)


if __name__ == "__main__":
    main()
