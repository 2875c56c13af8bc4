"""Train and serve the models of the photographer's trial.

    python tools/photographer_models.py train OUT --copies ALBUM FEED --others OTHERS --side 224
    python tools/photographer_models.py serve OUT --port 8000

ALBUM, FEED (what platforms show of the published pictures) and OTHERS are folders of class folders;
every third of the copies is left out, and the names of those that were used go to OUT/used.txt,
the classes to OUT/classes.txt, as `taggant audit --classes` takes them.
At 224 pixels EfficientNet-Lite0 is fine-tuned from its ImageNet weights, at 64 a ResNet-9 is
trained from scratch; both with crops and mirror images, or without (`--plain`).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import v2
from tqdm import tqdm

from taggant.data.decode import square
from taggant.marking.marker import efficientnet_lite0
from taggant.owner.serve import Service
from taggant.victim.resnet9 import ResNet9

LITE0 = 224


class Victim(nn.Module):
    """A network behind its normalisation: uint8 [B, 3, side, side] -> logits."""

    def __init__(self, side: int, classes: int) -> None:
        super().__init__()
        if side == LITE0:
            backbone = efficientnet_lite0()
            self.net, mean, std = backbone.net, backbone.mean, backbone.std
            self.head: nn.Module = nn.Linear(1280, classes)
        else:
            self.net, self.head = ResNet9(classes, 3, side, 16), nn.Identity()
            mean, std = (0.5,) * 3, (0.25,) * 3
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.net((images.float() / 255 - self.mean) / self.std))


def pictures(folders: list[Path], side: int) -> tuple[Tensor, list[str], list[str]]:
    """Squares, classes and names of all pictures of folders of class folders."""
    squares, classes, names = [], [], []
    for folder in folders:
        for path in tqdm(sorted(folder.rglob("*.*")), desc=folder.name):
            with Image.open(path) as image:
                squares.append(square(image, side))
            name = path.relative_to(folder)
            classes.append(name.parts[0])
            names.append(name.with_suffix("").as_posix())
    return torch.stack(squares), classes, names


def train(options: argparse.Namespace) -> None:
    torch.manual_seed(0)
    own, own_classes, names = pictures(options.copies, options.side)
    others, other_classes, _ = pictures([options.others], options.side)
    used = [k for k in range(len(own)) if k % 3]
    classes = sorted(set(own_classes) | set(other_classes))
    images = torch.cat([own[used], others])
    labels = torch.tensor(
        [classes.index(own_classes[k]) for k in used] + [classes.index(c) for c in other_classes]
    )
    victim = Victim(options.side, len(classes))
    steps = options.epochs * -(-len(images) // options.batch)
    optimizer = torch.optim.SGD(victim.parameters(), options.lr, 0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.lr, total_steps=steps)
    shift = v2.RandomCrop(options.side, padding=options.side // 8, padding_mode="reflect")
    augment = v2.Identity() if options.plain else v2.Compose([shift, v2.RandomHorizontalFlip()])
    bar = tqdm(range(options.epochs))
    for _ in bar:
        total = 0.0
        victim.train()
        for rows in torch.randperm(len(images)).split(options.batch):
            batch = torch.stack([augment(image) for image in images[rows]])
            loss = nn.functional.cross_entropy(victim(batch), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        bar.set_postfix(loss=total / len(images))
    options.out.mkdir(parents=True, exist_ok=True)
    torch.save(victim.state_dict(), options.out / "weights.pt")
    (options.out / "used.txt").write_text("\n".join(names[k] for k in used) + "\n")
    (options.out / "classes.txt").write_text(",".join(classes))
    about = {"side": options.side, "classes": classes, "loss": total / len(images)}
    (options.out / "about.json").write_text(json.dumps(about))


def serve(options: argparse.Namespace) -> None:
    about = json.loads((options.out / "about.json").read_text())
    victim = Victim(about["side"], len(about["classes"]))
    victim.load_state_dict(torch.load(options.out / "weights.pt", weights_only=True))
    with Service(victim, about["side"], options.port) as service:
        print(service.url, ",".join(about["classes"]), flush=True)
        service.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("train")
    one.add_argument("out", type=Path)
    one.add_argument("--copies", type=Path, nargs="+", required=True)
    one.add_argument("--others", type=Path, required=True)
    one.add_argument("--side", type=int, default=LITE0)
    one.add_argument("--epochs", type=int, default=30)
    one.add_argument("--batch", type=int, default=16)
    one.add_argument("--lr", type=float, default=0.02)
    one.add_argument("--plain", action="store_true", help="no augmentation")
    one.set_defaults(run=train)
    two = commands.add_parser("serve")
    two.add_argument("out", type=Path)
    two.add_argument("--port", type=int, default=8000)
    two.set_defaults(run=serve)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
